//! Sorted tables of integers, delta-coded in pages that are searched by their first keys.
//!
//! A row is a key of two integers and a fixed number of values. Rows ascend by key, each key
//! once. Reading checks everything and treats what makes no sense as the end of the table.

use crate::event::raw::Raw;
use crate::event::write::Sink;
use rkyv::{Archive, Deserialize, Serialize};

/// Rows of a page.
const PAGE: u32 = 128;

/// A packed table.
#[derive(Archive, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Default)]
pub struct PackedTable {
    /// Values of a row.
    pub columns: u32,
    /// Number of rows.
    pub rows: u32,
    /// First part of the first key of each page.
    pub first_a: Vec<u64>,
    /// Second part of the first key of each page.
    pub first_b: Vec<u64>,
    /// Where each page begins in `bytes`.
    pub page_at: Vec<u32>,
    /// The rows: `uv a - last a, uv b` (`b - last b` if `a` is the same), `uv value * columns`.
    pub bytes: Vec<u8>,
}

/// Builds a table from ascending rows.
#[derive(Debug)]
pub struct TableBuilder {
    table: PackedTable,
    last: (u64, u64),
}

impl TableBuilder {
    /// An empty table of rows with `columns` values.
    #[must_use]
    pub fn new(columns: u32) -> Self {
        Self { table: PackedTable { columns, ..PackedTable::default() }, last: (0, 0) }
    }

    /// Appends a row. A key that does not ascend is left out.
    pub fn push(&mut self, key: (u64, u64), values: &[u64]) {
        debug_assert_eq!(values.len(), self.table.columns as usize);
        let table = &mut self.table;
        if table.rows > 0 && key <= self.last {
            debug_assert!(false, "keys must ascend");
            return;
        }
        if table.rows.is_multiple_of(PAGE) {
            table.first_a.push(key.0);
            table.first_b.push(key.1);
            table.page_at.push(table.bytes.len() as u32);
            self.last = key;
        }
        let (a, b) = (key.0 - self.last.0, key.1);
        table.bytes.uv(a);
        table.bytes.uv(if a == 0 { b - self.last.1 } else { b });
        for value in values {
            table.bytes.uv(*value);
        }
        table.rows += 1;
        self.last = key;
    }

    /// The table.
    #[must_use]
    pub fn finish(self) -> PackedTable {
        self.table
    }
}

/// Rows in order, from some key on.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    table: &'a PackedTable,
    cursor: Raw<'a>,
    page: usize,
    left: u32,
    last: (u64, u64),
}

/// A row of up to four values.
pub type Row = ((u64, u64), [u64; 4]);

impl PackedTable {
    fn page(&self, page: usize) -> Rows<'_> {
        let key = (
            self.first_a.get(page).copied().unwrap_or_default(),
            self.first_b.get(page).copied().unwrap_or_default(),
        );
        let at = self.page_at.get(page).copied().unwrap_or(u32::MAX) as usize;
        let at = at.min(self.bytes.len());
        let before = (page as u64).saturating_mul(u64::from(PAGE));
        let left = u64::from(self.rows).saturating_sub(before).min(u64::from(PAGE)) as u32;
        Rows { table: self, cursor: Raw::new(&self.bytes, at), page, left, last: key }
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        self.page(0)
    }

    /// The rows whose keys are not below `key`.
    #[must_use]
    pub fn rows_from(&self, key: (u64, u64)) -> Rows<'_> {
        let pages = self.first_a.len().min(self.first_b.len());
        let (mut low, mut high) = (0, pages);
        while low < high {
            let middle = usize::midpoint(low, high);
            if (self.first_a[middle], self.first_b[middle]) <= key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut rows = self.page(low.saturating_sub(1));
        loop {
            let here = rows.clone();
            match rows.next() {
                Some((found, _)) if found < key => {}
                _ => return here,
            }
        }
    }

    /// The values of one key.
    #[must_use]
    pub fn get(&self, key: (u64, u64)) -> Option<[u64; 4]> {
        self.rows_from(key).next().filter(|(found, _)| *found == key).map(|(_, values)| values)
    }
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        while self.left == 0 {
            if self.page + 1 >= self.table.page_at.len() {
                return None;
            }
            *self = self.table.page(self.page + 1);
        }
        let a = self.cursor.uv()?;
        let b = self.cursor.uv()?;
        let key = if a == 0 {
            (self.last.0, self.last.1.checked_add(b)?)
        } else {
            (self.last.0.checked_add(a)?, b)
        };
        let mut values = [0; 4];
        for column in 0..self.table.columns as usize {
            let value = self.cursor.uv()?;
            if let Some(place) = values.get_mut(column) {
                *place = value;
            }
        }
        self.left -= 1;
        self.last = key;
        Some((key, values))
    }
}

/// Merges tables of ascending rows; `fold` joins the values of a key that several have, in the
/// order of the tables (`None`: first seen).
pub fn merge<'a>(
    tables: impl Iterator<Item = &'a PackedTable>,
    columns: u32,
    mut fold: impl FnMut(Option<[u64; 4]>, usize, [u64; 4]) -> [u64; 4],
) -> PackedTable {
    use std::cmp::Reverse;
    let mut sources: Vec<Rows<'a>> = tables.map(PackedTable::rows).collect();
    let mut heap = std::collections::BinaryHeap::new();
    for (number, rows) in sources.iter_mut().enumerate() {
        if let Some((key, values)) = rows.next() {
            heap.push(Reverse((key, number, values)));
        }
    }
    let mut builder = TableBuilder::new(columns);
    let mut open: Option<((u64, u64), [u64; 4])> = None;
    while let Some(Reverse((key, number, values))) = heap.pop() {
        if let Some((next, values)) = sources[number].next()
            && next > key
        {
            heap.push(Reverse((next, number, values)));
        }
        match &mut open {
            Some((last, joined)) if *last == key => *joined = fold(Some(*joined), number, values),
            _ => {
                if let Some((last, joined)) = open {
                    builder.push(last, &joined[..columns as usize]);
                }
                open = Some((key, fold(None, number, values)));
            }
        }
    }
    if let Some((last, joined)) = open {
        builder.push(last, &joined[..columns as usize]);
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_and_absent_ones_are_not() {
        let mut builder = TableBuilder::new(2);
        for a in 0..1000_u64 {
            for b in 0..a % 4 {
                builder.push((a * 3, b * 5), &[a, b]);
            }
        }
        let table = builder.finish();
        assert!(table.bytes.len() < table.rows as usize * 6);
        for a in 0..1000 {
            for b in 0..a % 4 {
                assert_eq!(table.get((a * 3, b * 5)), Some([a, b, 0, 0]));
                assert_eq!(table.get((a * 3, b * 5 + 1)), None);
            }
            assert_eq!(table.get((a * 3 + 1, 0)), None);
        }
        assert_eq!(table.rows().count(), table.rows as usize);
        assert_eq!(table.rows_from((u64::MAX, 0)).count(), 0);
        assert_eq!(table.rows_from((3 * 999, 5)).count(), 2);
    }

    #[test]
    fn merging_folds_in_order() {
        let table = |rows: &[(u64, u64)]| {
            let mut builder = TableBuilder::new(1);
            for (key, value) in rows {
                builder.push((*key, 0), &[*value]);
            }
            builder.finish()
        };
        let tables = [table(&[(1, 10), (3, 1)]), table(&[(2, 5)]), table(&[(1, 7), (9, 2)])];
        let sum =
            merge(tables.iter(), 1, |old, _, new| [old.map_or(0, |o| o[0]) + new[0], 0, 0, 0]);
        let rows: Vec<_> = sum.rows().map(|(key, values)| (key.0, values[0])).collect();
        assert_eq!(rows, [(1, 17), (2, 5), (3, 1), (9, 2)]);
        let last = merge(tables.iter(), 1, |_, number, _| [number as u64, 0, 0, 0]);
        assert_eq!(last.get((1, 0)), Some([2, 0, 0, 0]));
    }

    #[test]
    fn hostile_tables_end_early() {
        let table = PackedTable {
            columns: u32::MAX,
            rows: u32::MAX,
            first_a: vec![1, 2],
            first_b: vec![],
            page_at: vec![u32::MAX, 3],
            bytes: vec![0xff; 40],
        };
        assert_eq!(table.rows().count(), 0);
        assert_eq!(table.get((1, 1)), None);
    }
}
