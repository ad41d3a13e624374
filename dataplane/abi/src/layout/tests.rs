use super::*;
use crate::digest;
use core::sync::atomic::Ordering::Relaxed;

const SHAPE: Shape = Shape {
    workers: 2,
    sessions: 3,
    streams: 5,
    image_words: 16,
};

fn words(n: usize) -> Vec<AtomicU64> {
    (0..n).map(|_| AtomicU64::new(0)).collect()
}

#[test]
fn what_was_laid_out_opens_with_the_same_shape() {
    let words = words(SHAPE.words());
    Layout::format(&words, SHAPE).unwrap();
    assert_eq!(Layout::open(&words).unwrap().shape(), SHAPE);
}

#[test]
fn areas_do_not_overlap_and_fill_the_region() {
    let words = words(SHAPE.words());
    let layout = Layout::format(&words, SHAPE).unwrap();
    let mut seen = vec![false; words.len()];
    let mut claim = |part: &[AtomicU64]| {
        let start = (part.as_ptr() as usize - words.as_ptr() as usize) / 8;
        for taken in &mut seen[start..start + part.len()] {
            assert!(!*taken);
            *taken = true;
        }
    };
    claim(layout.process().unwrap());
    (0..Shape::DEVICES).for_each(|i| claim(layout.device(i).unwrap()));
    for worker in 0..SHAPE.workers {
        claim(layout.worker(worker).unwrap());
        (0..Shape::NEIGHBORS).for_each(|i| claim(layout.neighbor(worker, i).unwrap()));
        for i in 0..SHAPE.sessions {
            claim(layout.session(worker, i).unwrap());
        }
        for i in 0..SHAPE.streams {
            claim(layout.stream(worker, i).unwrap());
        }
        assert!(layout.counters(worker).is_some() && layout.media_delay(worker).is_some());
        assert!(layout.bursts(worker).is_some() && layout.handshake_time(worker).is_some());
        assert!(layout.turn_time(worker).is_some());
    }
    assert!(layout.device(Shape::DEVICES).is_none());
    assert!(layout.neighbor(0, Shape::NEIGHBORS).is_none());
    assert!(layout.session(0, SHAPE.sessions).is_none());
    assert!(layout.stream(SHAPE.workers, 0).is_none());
}

#[test]
fn another_version_or_hash_is_refused_saying_both() {
    for head in [Head::Version, Head::Hash] {
        let words = words(SHAPE.words());
        Layout::format(&words, SHAPE).unwrap();
        words[head as usize].store(99, Relaxed);
        let error = Layout::open(&words).unwrap_err();
        let LayoutError::Other(theirs) = error else {
            panic!("{error}");
        };
        assert_ne!(theirs, LayoutId::OURS);
        let said = error.to_string();
        assert!(said.contains(&theirs.to_string()), "{said}");
        assert!(said.contains(&LayoutId::OURS.to_string()), "{said}");
    }
}

#[test]
fn fields_fit_their_areas() {
    for area in AREAS {
        assert!(digest::words(area.parts) <= area.words, "{}", area.name);
    }
}

#[test]
fn impossible_sizes_are_refused() {
    for head in [
        Head::Workers,
        Head::Sessions,
        Head::Streams,
        Head::ImageWords,
    ] {
        let words = words(SHAPE.words());
        Layout::format(&words, SHAPE).unwrap();
        for value in [u64::MAX, 1 << 40, 1 << 20] {
            words[head as usize].store(value, Relaxed);
            assert_eq!(Layout::open(&words).unwrap_err(), LayoutError::Shape);
        }
    }
    assert_eq!(
        Layout::open(&words(4)).unwrap_err(),
        LayoutError::NotARegion
    );
}

#[test]
fn workers_acknowledge_on_their_own_lines() {
    let words = words(SHAPE.words());
    let layout = Layout::format(&words, SHAPE).unwrap();
    layout.acknowledge(1, 7);
    layout.acknowledge(9, 8);
    assert_eq!((layout.acknowledged(0), layout.acknowledged(1)), (0, 7));
}
