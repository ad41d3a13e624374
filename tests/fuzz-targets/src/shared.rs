//! What crosses between the processes: images, messages, the region.

use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use abi::layout::{Layout, Shape, Totals};
use abi::limits::LimitWords;
use abi::policy::PolicyImage;
use abi::publish::{PolicySlots, publish_words};
use abi::records::{
    DeviceRecord, NeighborRecord, ProcessRecord, SESSION_WORDS, STREAM_WORDS, SessionRecord,
    StreamRecord, WorkerRecord,
};
use abi::secrets::{Request, Response};
use abi::usage::Usage;
use abi::{Pool, secrets};
use registry::AppConfig;

use crate::input::Input;

/// An image of any content, and the applications' configurations in it.
pub(crate) fn policy_image(data: &[u8]) {
    for app in registry::APPS {
        if let Ok(config) = AppConfig::decode(app.name, data) {
            assert_eq!(AppConfig::decode(app.name, &config.encode()), Ok(config));
        }
    }
    let Ok(image) = PolicyImage::decode(data) else {
        return;
    };
    let octets = image.encode().expect("it was decoded");
    assert_eq!(PolicyImage::decode(&octets), Ok(image));
}

/// Messages of the key socket.
pub(crate) fn secrets(data: &[u8]) {
    if let Some(request) = secrets::decode::<Request>(data)
        && let Some(framed) = secrets::encode(&request)
    {
        assert_eq!(
            secrets::decode(framed.get(4..).unwrap_or_default()),
            Some(request)
        );
    }
    let _ = secrets::decode::<Response>(data);
}

const SHAPE: Shape = Shape {
    workers: 2,
    sessions: 4,
    streams: 4,
    image_words: 8,
};

/// A region that was sound once, with words changed and its end cut off.
pub(crate) fn layout(data: &[u8]) {
    let mut input = Input::new(data);
    let words: Vec<AtomicU64> = (0..SHAPE.words()).map(|_| AtomicU64::new(0)).collect();
    Layout::format(&words, SHAPE).expect("a sound shape");
    let len = words.len() - input.below(64);
    tamper(&words, &mut input);
    let words = words.get(..len).unwrap_or_default();
    if let Ok(layout) = Layout::open(words) {
        read(&layout);
    }
}

fn tamper(words: &[AtomicU64], input: &mut Input<'_>) {
    while let Some(kind) = input.next() {
        let at = input.below(words.len());
        let value = match kind % 4 {
            0 => u64::from(input.u8()),
            1 => u64::MAX - u64::from(input.u8()),
            2 => 1 << (input.u8() & 63),
            _ => input.u64(),
        };
        if let Some(word) = words.get(at) {
            word.store(value, Relaxed);
        }
    }
}

/// Reads all that `show` and the workers read.
fn read(layout: &Layout<'_>) {
    let _ = (layout.boot(), layout.pid(), layout.started());
    let _ = layout.heartbeat();
    let _ = (layout.boot_hash(), layout.refused_generation());
    let _ = layout.limits().as_ref().map(LimitWords::load);
    let _ = layout.usage().map(|usage| use_pools(&usage));
    let _ = layout.policy().map(|slots| publish_and_read(&slots));
    let _ = Totals::read(layout);
    let _ = layout.process().and_then(ProcessRecord::load);
    for index in 0..=Shape::DEVICES {
        let device = layout.device(index).and_then(DeviceRecord::load);
        let _ = device.map(|device| device.queues_in_use().len());
    }
    let shape = layout.shape();
    let _ = layout.acknowledgements().by_all(usize::MAX, 1);
    assert!(layout.workers_running() <= shape.workers);
    for worker in 0..=shape.workers.min(4) {
        layout.acknowledge(worker, layout.acknowledged(worker));
        let delay = layout.media_delay(worker).map(|delay| delay.snapshot());
        let _ = delay.map(|delay| (delay.count(), delay.quantile(500), delay.quantile(1_000)));
        let times = layout.handshake_time(worker).map(|times| times.snapshot());
        let turns = layout.turn_time(worker).map(|turns| turns.snapshot());
        let _ = times.map(|times| (times.count(), times.quantile(500)));
        let _ = turns.map(|turns| turns.since(&turns).quantile(1_000));
        let _ = layout.bursts(worker).map(|bursts| bursts.counts());
        let _ = layout.worker(worker).and_then(WorkerRecord::load);
        for index in (0..=Shape::NEIGHBORS).step_by(256) {
            let _ = layout
                .neighbor(worker, index)
                .and_then(NeighborRecord::load);
        }
        for index in 0..=shape.sessions.min(8) {
            let _ = layout.session(worker, index).and_then(SessionRecord::load);
        }
        for index in 0..=shape.streams.min(8) {
            let _ = layout.stream(worker, index).and_then(StreamRecord::load);
        }
    }
}

fn use_pools(usage: &Usage<'_>) {
    for &(pool, _) in Pool::ALL {
        let _ = usage.read(pool);
        drop(usage.take(pool, u64::MAX));
        drop(usage.take(pool, 1));
    }
}

fn publish_and_read(slots: &PolicySlots<'_>) {
    let _ = slots.read();
    if let Ok(generation) = slots.publish(b"policy") {
        assert_eq!(slots.read(), Ok(Some((generation, b"policy".to_vec()))));
    }
}

/// Records of any words. What reads as a record is written as the same one again.
pub(crate) fn records(data: &[u8]) {
    let mut input = Input::new(data);
    let words: Vec<AtomicU64> = (0..SESSION_WORDS.max(STREAM_WORDS))
        .map(|_| AtomicU64::new(input.u64()))
        .collect();
    if let Some(record) = SessionRecord::load(&words) {
        record.store(&words);
        assert_eq!(SessionRecord::load(&words), Some(record));
        let _ = record.name.to_string();
    }
    if let Some(record) = StreamRecord::load(&words) {
        record.store(&words);
        assert_eq!(StreamRecord::load(&words), Some(record));
    }
}

/// A publication area with words changed between publishing and reading.
pub(crate) fn publish(data: &[u8]) {
    let mut input = Input::new(data);
    let words: Vec<AtomicU64> = (0..publish_words(8)).map(|_| AtomicU64::new(0)).collect();
    let slots = PolicySlots::new(&words).expect("room for two slots");
    let _ = slots.publish(input.piece());
    let _ = slots.publish(input.piece());
    tamper(&words, &mut input);
    if let Ok(Some((generation, image))) = slots.read() {
        assert!(generation == slots.generation() && image.len() <= 64);
    }
    publish_and_read(&slots);
}
