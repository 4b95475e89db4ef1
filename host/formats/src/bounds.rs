//! How much a file may ask for.

/// Limits of what is read. They hold before memory is taken, whatever a file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The longest row, in bytes: as a line of the file, and as the line of JSON that is made of it.
    pub row_bytes: usize,
    /// The most columns of CSV, and the most leaf columns of Parquet.
    pub columns: usize,
    /// The largest footer of a Parquet file, in bytes.
    pub footer_bytes: usize,
    /// The largest page of a Parquet file, packed or unpacked, in bytes.
    pub page_bytes: usize,
    /// What all pages that are open at the same time may take, unpacked, in bytes.
    pub open_bytes: usize,
    /// The most values of lists that the pages of one batch of rows may hold.
    pub list_values: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            row_bytes: MIB,
            columns: 4096,
            footer_bytes: 64 * MIB,
            page_bytes: 256 * MIB,
            open_bytes: 1024 * MIB,
            list_values: 32 * MIB,
        }
    }
}
