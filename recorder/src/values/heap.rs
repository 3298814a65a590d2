//! Known objects by address. Holds no reference: deaths are reported by `deaths`.
//!
//! Must not look into objects beyond their type pointer.
#![allow(unsafe_code)]

use super::scalars::Val;
use super::types::Types;
use super::watch::Active;
use crate::cpython::objects::{self as obj, Obj, Typ};
use moviola_format::event::Reason;
use rustc_hash::{FxHashMap, FxHashSet};

/// One object may make this many others known at once; the rest reads as "over the limit".
const CAPTURE_BUDGET: u32 = 500_000;

/// The dict is an instance's `__dict__`; its changes are the instance's.
pub const DICT_OF: u64 = 1;
/// The object has an id, but nothing has referred to it yet, so there is no OBJECT event.
pub const SILENT: u64 = 2;
/// The address is of interest (a weak reference's referent), the object is not known.
pub const WATCH_ONLY: u64 = 4;
/// The side tables know more: it is a class, a namespace, or has a known dict.
pub const LINKED: u64 = 8;
/// A weak reference to it is known.
pub const REFERENT: u64 = 16;
/// It is a class, and `types` knows what its instances are.
pub const TYPED: u64 = 32;

/// A known object. `meta`: id (40 bits), tag of the type (16), bytes before the object / 16 (2),
/// flags (6).
#[derive(Clone, Copy)]
pub struct Entry {
    address: usize,
    meta: u64,
}

impl Entry {
    const EMPTY: Self = Self { address: 0, meta: 0 };

    /// The object's id.
    #[inline]
    pub const fn id(self) -> u64 {
        self.meta & ((1 << 40) - 1)
    }

    /// Whether `flag` is set.
    #[inline]
    pub const fn has(self, flag: u64) -> bool {
        self.meta & (flag << 58) != 0
    }

    const fn tag(self) -> u64 {
        (self.meta >> 40) & 0xffff
    }

    /// How many bytes of its memory block lie before the object.
    #[inline]
    pub const fn pre(self) -> usize {
        ((self.meta >> 56) & 3) as usize * 16
    }
}

#[inline]
fn type_tag(typ: Typ) -> u64 {
    (typ as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48
}

#[inline]
fn hash(address: usize) -> usize {
    ((address >> 4) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 20
}

/// Bits of the filter over memory blocks (128 KiB: stays in the second-level cache).
const FILTER_BITS: usize = 1 << 20;

/// All that is known of the program's objects.
pub struct Heap {
    table: Vec<Entry>,
    mask: usize,
    used: usize,
    filter: Vec<u64>,
    next_id: u64,
    /// Objects that have an id and are not captured yet.
    pub work: Vec<Obj>,
    /// What is known of each type.
    pub types: Types,
    /// Types whose slots and methods may have to be replaced.
    pub new_types: Vec<Typ>,
    /// Instance dictionaries (flag `DICT_OF`): dict -> owner.
    pub owner_of: FxHashMap<usize, usize>,
    /// The reverse of `owner_of`.
    pub dict_of: FxHashMap<usize, usize>,
    /// Live referents -> weak references to them that are known and were alive: address, id.
    pub weak: FxHashMap<usize, Vec<(usize, u64)>>,
    /// Changes that are under way and may run program code in the middle.
    pub active: Vec<Active>,
    /// Objects to be read again before the next event.
    pub pending: Vec<usize>,
    /// Modules of C that are about to be imported, and have to be looked at before use.
    pub awaited: Vec<&'static [u8]>,
    /// Objects that C code is making.
    pub building: super::watch::Building,
    /// Whether `active` or `pending` has anything, or something is awaited.
    pub dirty: bool,
    /// Namespaces by address with what was last reported (3.11).
    pub shadows: FxHashMap<usize, super::watch::namespace::Shadow>,
    /// How many values were left out because of the budget.
    pub over_budget: u64,
    /// Cells that were empty when they were captured: class creation fills `__class__` unseen.
    pub empty_cells: Vec<Obj>,
    /// Sequences that no Python object holds: id, elements.
    pub synthetic: Vec<(u64, Vec<Obj>)>,
    /// Buffers -> known memory views of them.
    pub views: FxHashMap<usize, Vec<usize>>,
    /// Objects, by id, whose contents foreign code may change at any time, and their addresses.
    pub suspects: FxHashMap<u64, usize>,
    /// Arrays whose numbers C code may change unseen.
    pub arrays: super::arrays::Watched,
    /// What was put into modules and classes of Python's own.
    pub own: super::watch::own::Own,
    /// Names that no Python object holds.
    pub names: FxHashMap<Vec<u8>, &'static [u8]>,
    /// Top-level names of the standard library.
    pub stdlib: FxHashSet<Vec<u8>>,
    budget: u32,
}

impl Default for Heap {
    fn default() -> Self {
        Self::new()
    }
}

impl Heap {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        let size = 1 << 14;
        Self {
            table: vec![Entry::EMPTY; size],
            mask: size - 1,
            used: 0,
            filter: vec![0; FILTER_BITS / 64],
            next_id: 1,
            work: Vec::new(),
            types: Types::default(),
            new_types: Vec::new(),
            owner_of: FxHashMap::default(),
            dict_of: FxHashMap::default(),
            weak: FxHashMap::default(),
            active: Vec::new(),
            pending: Vec::new(),
            awaited: Vec::new(),
            building: super::watch::Building::default(),
            dirty: false,
            shadows: FxHashMap::default(),
            over_budget: 0,
            empty_cells: Vec::new(),
            synthetic: Vec::new(),
            views: FxHashMap::default(),
            suspects: FxHashMap::default(),
            arrays: super::arrays::Watched::default(),
            own: super::watch::own::Own::default(),
            names: FxHashMap::default(),
            stdlib: FxHashSet::default(),
            budget: CAPTURE_BUDGET,
        }
    }

    /// Nothing is known of any object: a new stream begins. Which changes are under way stays; types
    /// are looked at again, as nothing tells of their deaths until they are. Gives the addresses of the objects that are suspect still.
    pub fn restart(&mut self) -> Vec<usize> {
        let old = std::mem::take(self);
        let live = old
            .suspects
            .iter()
            .filter(|(id, address)| old.find(**address).is_some_and(|entry| entry.id() == **id));
        let suspects = live.map(|(_, address)| *address).collect();
        // Other threads do not exist in the child, and nobody will complete their changes.
        self.active = old.active;
        self.active.retain(Active::is_mine);
        self.awaited = old.awaited;
        self.building = old.building.restart();
        self.dirty = self.has_work();
        self.own = old.own.restart();
        self.names = old.names;
        self.stdlib = old.stdlib;
        suspects
    }

    /// Whether something is to be done before the next event.
    pub fn has_work(&self) -> bool {
        !self.active.is_empty()
            || !self.pending.is_empty()
            || !self.awaited.is_empty()
            || !self.arrays.is_empty()
            || self.building.is_on()
    }

    /// An id that no object has had.
    #[inline]
    pub fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    #[inline]
    fn position(&self, address: usize) -> Option<usize> {
        let mut at = hash(address) & self.mask;
        loop {
            // SAFETY: `at` is masked to the table's size.
            let found = unsafe { self.table.get_unchecked(at) }.address;
            if found == address {
                return Some(at);
            }
            if found == 0 {
                return None;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// The entry of the object at an address.
    #[inline]
    pub fn find(&self, address: usize) -> Option<Entry> {
        self.position(address).map(|at| self.table[at])
    }

    /// The id of a known object (0: not known), which must be what its type is now.
    #[inline]
    pub fn known(&self, object: Obj) -> Option<Entry> {
        let entry = self.find(object as usize)?;
        (!entry.has(WATCH_ONLY)).then_some(entry)
    }

    /// Whether a block of memory at `start` may hold a known object.
    #[inline]
    pub fn may_hold(&self, start: usize) -> bool {
        let bit = hash(start) & (FILTER_BITS - 1);
        // SAFETY: `bit` is below FILTER_BITS.
        unsafe { self.filter.get_unchecked(bit >> 6) & (1 << (bit & 63)) != 0 }
    }

    /// Makes an object known under a new id.
    ///
    /// # Safety
    /// `object` must be alive and of type `typ`.
    pub unsafe fn insert(&mut self, object: Obj, typ: Typ, flags: u64) -> u64 {
        let id = self.fresh_id();
        // SAFETY: the caller's promise.
        let pre = unsafe { obj::pre_size(typ) };
        self.put(object as usize, id | (type_tag(typ) << 40), pre, flags);
        id
    }

    fn put(&mut self, address: usize, low: u64, pre: usize, flags: u64) {
        if (self.used + 1) * 5 > self.table.len() * 3 {
            self.grow();
        }
        let mut meta = low | ((pre as u64 / 16) << 56) | (flags << 58);
        let mut at = hash(address) & self.mask;
        while self.table[at].address != 0 && self.table[at].address != address {
            at = (at + 1) & self.mask;
        }
        let old = self.table[at];
        if old.address == 0 {
            self.used += 1;
        } else if old.has(WATCH_ONLY) {
            // What it is watched for stays so when it becomes known.
            meta |= old.meta & ((REFERENT | TYPED | LINKED) << 58);
        }
        self.table[at] = Entry { address, meta };
        let bit = hash(address - pre) & (FILTER_BITS - 1);
        self.filter[bit >> 6] |= 1 << (bit & 63);
    }

    #[cold]
    fn grow(&mut self) {
        let size = self.table.len() * 2;
        let old = std::mem::replace(&mut self.table, vec![Entry::EMPTY; size]);
        self.mask = size - 1;
        for entry in old.into_iter().filter(|entry| entry.address != 0) {
            let mut at = hash(entry.address) & self.mask;
            while self.table[at].address != 0 {
                at = (at + 1) & self.mask;
            }
            self.table[at] = entry;
        }
    }

    /// Sets or clears a flag of a known object.
    pub fn set_flag(&mut self, address: usize, flag: u64, on: bool) {
        if let Some(at) = self.position(address) {
            let bit = flag << 58;
            let meta = &mut self.table[at].meta;
            *meta = if on { *meta | bit } else { *meta & !bit };
        }
    }

    /// Notes the type that a known object has now.
    pub fn set_type(&mut self, address: usize, typ: Typ) {
        if let Some(at) = self.position(address) {
            let meta = &mut self.table[at].meta;
            *meta = (*meta & !(0xffff << 40)) | (type_tag(typ) << 40);
        }
    }

    /// Forgets the object at an address and says what it was.
    pub fn remove(&mut self, address: usize) -> Option<Entry> {
        let mut hole = self.position(address)?;
        let entry = self.table[hole];
        self.used -= 1;
        // Closes the gap so that no probe sequence is cut.
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask;
            let moved = self.table[at];
            if moved.address == 0 {
                break;
            }
            let home = hash(moved.address) & self.mask;
            if (at.wrapping_sub(home) & self.mask) >= (at.wrapping_sub(hole) & self.mask) {
                self.table[hole] = moved;
                hole = at;
            }
        }
        self.table[hole] = Entry::EMPTY;
        Some(entry)
    }

    /// Notes why the death of an object is of interest, which need not be known.
    ///
    /// # Safety
    /// `object` must be alive.
    pub unsafe fn watch(&mut self, object: Obj, flag: u64) {
        if self.find(object as usize).is_some() {
            self.set_flag(object as usize, flag, true);
        } else {
            // SAFETY: the caller's promise.
            unsafe {
                let typ = pyo3_ffi::Py_TYPE(object);
                let low = type_tag(typ) << 40;
                self.put(object as usize, low, obj::pre_size(typ), WATCH_ONLY | flag);
            }
        }
    }

    /// A new allowance for what one value may bring in.
    #[inline]
    pub fn refill(&mut self) {
        self.budget = CAPTURE_BUDGET;
    }

    /// A reference to an object, which is put on the list to capture if it is new.
    ///
    /// # Safety
    /// `object` must be alive and of type `typ`.
    #[inline]
    pub unsafe fn reference(&mut self, object: Obj, typ: Typ) -> Val {
        if let Some(at) = self.position(object as usize) {
            let entry = self.table[at];
            if entry.tag() == type_tag(typ) && !entry.has(SILENT | WATCH_ONLY) {
                return Val::Ref(entry.id());
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.reference_new(object, typ) }
    }

    #[cold]
    unsafe fn reference_new(&mut self, object: Obj, typ: Typ) -> Val {
        let found = self.find(object as usize);
        if let Some(entry) = found
            && entry.tag() == type_tag(typ)
            && entry.has(SILENT)
        {
            self.set_flag(object as usize, SILENT, false);
            self.work.push(object);
            return Val::Ref(entry.id());
        }
        if self.budget == 0 {
            self.over_budget += 1;
            return Val::Unknown(Reason::Budget);
        }
        self.budget -= 1;
        // Another type at a known address: an object of a type with a free list of its own.
        if found.is_some_and(|entry| !entry.has(WATCH_ONLY)) {
            self.unlink(object as usize);
        }
        // SAFETY: the caller's promise.
        let id = unsafe { self.insert(object, typ, 0) };
        self.work.push(object);
        Val::Ref(id)
    }

    /// Forgets what instances of a class are: it is gone, and another may come to lie there.
    pub fn forget_type(&mut self, address: usize) {
        self.types.remove(address);
        self.new_types.retain(|typ| *typ as usize != address);
    }

    /// Drops what the side tables know of an object that is gone. Its dict, if it had one of
    /// its own that is known, is returned.
    pub fn unlink(&mut self, address: usize) -> Option<usize> {
        if let Some(owner) = self.owner_of.remove(&address) {
            self.dict_of.remove(&owner);
        }
        self.forget_type(address);
        self.shadows.remove(&address);
        let dict = self.dict_of.remove(&address)?;
        self.owner_of.remove(&dict);
        Some(dict)
    }

    /// Makes `dict` the known `__dict__` of `owner`, without an OBJECT event yet.
    ///
    /// # Safety
    /// `dict` must be a live exact dict, `owner` a known object.
    pub unsafe fn adopt(&mut self, dict: Obj, owner: Obj) {
        let (dict_at, owner_at) = (dict as usize, owner as usize);
        if self.owner_of.get(&dict_at) == Some(&owner_at) {
            return;
        }
        if let Some(old) = self.dict_of.insert(owner_at, dict_at)
            && old != dict_at
        {
            self.owner_of.remove(&old);
            self.pending.push(old);
            self.dirty = true;
            self.set_flag(old, DICT_OF, false);
        }
        if let Some(other) = self.owner_of.insert(dict_at, owner_at) {
            self.dict_of.remove(&other);
        }
        self.set_flag(owner_at, LINKED, true);
        // SAFETY: the caller's promise.
        unsafe { super::watch::dict::watch(dict) };
        if let Some(entry) = self.known(dict) {
            self.set_flag(dict_at, DICT_OF | LINKED, true);
            // It was a plain dict so far: from now on its items are the owner's attributes.
            if !entry.has(SILENT) {
                self.pending.push(dict_at);
                self.dirty = true;
            }
            return;
        }
        let typ = &raw mut pyo3_ffi::PyDict_Type;
        // SAFETY: the caller's promise.
        unsafe { self.insert(dict, typ, DICT_OF | SILENT | LINKED) };
    }
}
