//! Places for a fixed number of boxed things.

/// Boxes by place. A thing is taken out while it is worked on and put back after, so that its
/// owner can be borrowed meanwhile.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Option<Box<T>>>,
    free: Vec<u32>,
    most: u32,
}

impl<T> Slab<T> {
    /// A slab for up to `most` things; memory grows as they come.
    pub(crate) const fn new(most: u32) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            most,
        }
    }

    /// A place of one's own, empty until [`Self::put`]; `None` when all are taken.
    pub(crate) fn vacant(&mut self) -> Option<u32> {
        if let Some(index) = self.free.pop() {
            return Some(index);
        }
        let index = self.places();
        if index >= self.most {
            return None;
        }
        self.places.push(None);
        Some(index)
    }

    /// The thing in a place, unless it is taken out.
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.places.get(index as usize)?.as_deref()
    }

    pub(crate) fn take(&mut self, index: u32) -> Option<Box<T>> {
        self.places.get_mut(index as usize)?.take()
    }

    pub(crate) fn put(&mut self, index: u32, thing: Box<T>) {
        if let Some(place) = self.places.get_mut(index as usize) {
            *place = Some(thing);
        }
    }

    /// Gives an empty place back.
    pub(crate) fn free(&mut self, index: u32) {
        self.free.push(index);
    }

    /// Places that are taken.
    pub(crate) const fn taken(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// How many things there may be.
    pub(crate) const fn room(&self) -> u32 {
        self.most
    }

    /// How many places there are, taken or free.
    pub(crate) fn places(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_reused_and_bounded() {
        let mut slab = Slab::new(2);
        let (a, b) = (slab.vacant().unwrap(), slab.vacant().unwrap());
        assert_ne!(a, b);
        assert_eq!(slab.vacant(), None);
        assert_eq!((slab.taken(), slab.room()), (2, 2));
        slab.put(a, Box::new(1));
        assert_eq!((slab.get(a), slab.get(b)), (Some(&1), None));
        assert_eq!(slab.take(a).map(|n| *n), Some(1));
        assert_eq!(slab.take(a), None);
        slab.free(a);
        assert_eq!(slab.vacant(), Some(a));
    }
}
