//! Maps and sets as sorted vectors. Everything the engine keeps in memory is bounded to thousands, where
//! these are as quick as trees; and each tree type that is not there makes the page's download smaller
//! (20 kinds of them were a seventh of the wasm). Order of iteration is the order of the keys.

/// How many entries of maps and sets were looked at one after the other: a test holds that no step
/// looks at all that there are.
#[cfg(feature = "counting")]
pub(crate) mod counting {
    use std::cell::Cell;

    thread_local! {
        pub(super) static LOOKED_AT: Cell<u64> = const { Cell::new(0) };
    }

    /// Since the last call.
    pub(crate) fn take() -> u64 {
        LOOKED_AT.take()
    }
}

#[cfg(feature = "counting")]
fn count<T>(_: &T) {
    counting::LOOKED_AT.set(counting::LOOKED_AT.get() + 1);
}

#[cfg(not(feature = "counting"))]
const fn count<T>(_: &T) {}

/// A map, sorted by its keys.
pub(crate) struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn find(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(held, _)| held.cmp(key))
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).ok().map(|at| &mut self.0[at].1)
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    /// The value that stood there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// The value of a key, made where there is none.
    pub(crate) fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let at = match self.find(&key) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (key, V::default()));
                at
            }
        };
        &mut self.0[at].1
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0
            .iter()
            .inspect(count)
            .map(|(key, value)| (key, value))
    }

    /// From a key on, whether it is there or not.
    pub(crate) fn from(&self, key: K) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        let at = self.find(&key).unwrap_or_else(|at| at);
        let rest = self.0[at..].iter().inspect(count);
        rest.map(|(key, value)| (key, value))
    }

    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        let all = self.0.iter_mut().inspect(count);
        all.map(|(key, value)| (&*key, value))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.iter_mut().map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Ord, V> Extend<(K, V)> for SortedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.insert(key, value);
        }
    }
}

/// A set, sorted.
pub(crate) struct SortedSet<K>(Vec<K>);

impl<K> Default for SortedSet<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord> SortedSet<K> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.0.binary_search(key).is_ok()
    }

    /// Whether it is new.
    pub(crate) fn insert(&mut self, key: K) -> bool {
        match self.0.binary_search(&key) {
            Ok(_) => false,
            Err(at) => {
                self.0.insert(at, key);
                true
            }
        }
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, key: &K) -> bool {
        let found = self.0.binary_search(key);
        found.map(|at| self.0.remove(at)).is_ok()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.0.iter().inspect(count)
    }

    /// From a key on, whether it is there or not.
    pub(crate) fn from(&self, key: K) -> impl DoubleEndedIterator<Item = &K> {
        let at = self.0.binary_search(&key).unwrap_or_else(|at| at);
        self.0[at..].iter().inspect(count)
    }

    /// Takes out the lowest.
    pub(crate) fn pop_first(&mut self) -> Option<K> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// Takes out the highest, which is quick however many there are.
    pub(crate) fn pop_last(&mut self) -> Option<K> {
        self.0.pop()
    }

    /// The highest.
    pub(crate) fn last(&self) -> Option<&K> {
        self.0.last()
    }

    /// The lowest.
    pub(crate) fn first(&self) -> Option<&K> {
        self.0.first()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K> IntoIterator for SortedSet<K> {
    type Item = K;
    type IntoIter = std::vec::IntoIter<K>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Ord> Extend<K> for SortedSet<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        for key in keys {
            self.insert(key);
        }
    }
}

/// A heap sort. The standard library's is quicker, and a kilobyte of download for each kind of entry.
fn sort<T>(all: &mut [T], is_less: impl Fn(&T, &T) -> bool) {
    for place in (0..all.len() / 2).rev() {
        sift_down(all, place, &is_less);
    }
    for end in (1..all.len()).rev() {
        all.swap(0, end);
        sift_down(&mut all[..end], 0, &is_less);
    }
}

/// Moves an entry down a heap until none below it is higher.
fn sift_down<T>(heap: &mut [T], mut place: usize, is_less: &impl Fn(&T, &T) -> bool) {
    loop {
        let mut higher = 2 * place + 1;
        if higher >= heap.len() {
            return;
        }
        if higher + 1 < heap.len() && is_less(&heap[higher], &heap[higher + 1]) {
            higher += 1;
        }
        if !is_less(&heap[place], &heap[higher]) {
            return;
        }
        heap.swap(place, higher);
        place = higher;
    }
}

/// Sorts once, so that many are as quick as few.
impl<K: Ord> FromIterator<K> for SortedSet<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut keys: Vec<K> = keys.into_iter().collect();
        sort(&mut keys, |one, other| one < other);
        keys.dedup();
        Self(keys)
    }
}

/// Sorts once; of equal keys any may stay.
impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut pairs: Vec<(K, V)> = pairs.into_iter().collect();
        sort(&mut pairs, |one, other| one.0 < other.0);
        pairs.dedup_by(|one, other| one.0 == other.0);
        Self(pairs)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_agree_with_trees(steps in proptest::collection::vec((any::<bool>(), 0u8..40, any::<u8>()), 0..200)) {
            let (mut map, mut tree) = (SortedMap::new(), BTreeMap::new());
            let (mut set, mut tree_set) = (SortedSet::new(), BTreeSet::new());
            for (put, key, value) in steps {
                if put {
                    prop_assert_eq!(map.insert(key, value), tree.insert(key, value));
                    prop_assert_eq!(set.insert(key), tree_set.insert(key));
                } else {
                    prop_assert_eq!(map.remove(&key), tree.remove(&key));
                    prop_assert_eq!(set.remove(&key), tree_set.remove(&key));
                }
                prop_assert_eq!(map.get(&key), tree.get(&key));
                prop_assert_eq!(set.contains(&key), tree_set.contains(&key));
            }
            prop_assert!(map.iter().eq(tree.iter()));
            let again: SortedMap<_, _> = tree.iter().rev().map(|(k, v)| (*k, *v)).collect();
            prop_assert!(again.iter().eq(tree.iter()));
            prop_assert!(set.iter().eq(tree_set.iter()));
        }
    }
}
