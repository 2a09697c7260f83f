//! Tables of text.

use super::{Output, Style};

/// Rows of `N` columns, each as wide as its widest cell.
pub(super) struct Table<const N: usize> {
    rows: Vec<Row<N>>,
}

struct Row<const N: usize> {
    cells: [String; N],
    /// A column and its style.
    styled: Option<(usize, Style)>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(headings: [&str; N]) -> Self {
        Table { rows: vec![Row { cells: headings.map(str::to_owned), styled: None }] }
    }

    /// Adds a row, with the style of one of its columns.
    pub(super) fn row(&mut self, cells: [String; N], styled: Option<(usize, Style)>) {
        self.rows.push(Row { cells, styled });
    }

    pub(super) fn print(&self, output: &Output) {
        let widths: [usize; N] = std::array::from_fn(|column| {
            let width = |row: &Row<N>| row.cells[column].chars().count();
            self.rows.iter().map(width).max().unwrap_or_default()
        });
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in row.cells.iter().zip(widths).enumerate() {
                let padding = if column + 1 == N { 0 } else { width - cell.chars().count() + 2 };
                line += &match row.styled {
                    Some((styled, style)) if styled == column => output.styled(style, cell),
                    _ => cell.clone(),
                };
                line += &" ".repeat(padding);
            }
            let line = line.trim_end();
            output.line(&if number == 0 { output.styled(Style::Bold, line) } else { line.to_owned() });
        }
    }
}
