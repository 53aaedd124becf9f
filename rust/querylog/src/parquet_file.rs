//! Closed write-ahead files become Parquet: one file for each day (UTC) that has rows, columns compressed with zstd.
//!
//! A reader sees a whole file or none: it is written aside, synced, renamed. Doing it again gives the same file. The rows of
//! a file pass through in groups, so memory does not grow with it.

use crate::row::Row;
use crate::wal_name::parse_wal_name;
use crate::wal_reader::WalReader;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows held in memory before they are written: about 20 MiB.
const GROUP_ROWS: usize = 64 << 10;
/// One file spans midnight at most once, unless the clock was set; beyond this it is not a clock any more.
const MOST_DAYS: usize = 16;
const DAY_US: i64 = 86_400_000_000;

const SCHEMA: &str = "message row {
    required int64 time (timestamp(micros, true));
    required binary client (string);
    required binary segment (string);
    required binary policy (string);
    required int64 policy_serial;
    required binary door (string);
    required binary qname (string);
    optional binary qname_asked (string);
    required int32 qtype;
    required int32 rcode;
    required binary action (string);
    required binary layer (string);
    optional binary category (string);
    optional binary rule (string);
    required int64 snapshot_serial;
    required binary source (string);
    required int32 latency_us;
    optional binary cname (string);
    optional binary device (string);
    optional binary user (string);
}";

/// What became of a write-ahead file.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Converted {
    /// Rows written.
    pub rows: u64,
    /// Files that hold them.
    pub files: Vec<PathBuf>,
    /// Octets that are no whole frame: what was being written when the machine stopped, or damage.
    pub lost_octets: u64,
    /// Rows known to be lost.
    pub lost_rows: u64,
    /// Whether more is lost than a last frame that was never whole.
    pub is_damaged: bool,
}

/// Turns a closed write-ahead file into Parquet files below `directory`.
pub fn log_to_parquet(wal: &Path, directory: &Path) -> io::Result<Converted> {
    let Some((class, number)) = parse_wal_name(wal) else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not the name of a write-ahead file"));
    };
    let mut reader = WalReader::of_closed(File::open(wal)?);
    let mut days = Days { directory, class: class.as_str(), number, parts: BTreeMap::new(), format: Format::new()? };
    let mut rows = 0;
    while let Some(shown) = reader.next(|row| days.add(row))? {
        rows += shown as u64;
    }
    let files = days.finish()?;
    let lost = reader.lost()?;
    Ok(Converted { rows, files, lost_octets: lost.octets, lost_rows: lost.rows, is_damaged: lost.is_damaged })
}

struct Format {
    schema: TypePtr,
    properties: WriterPropertiesPtr,
}

impl Format {
    fn new() -> io::Result<Self> {
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("schoolgate".to_owned());
        for numbers in ["time", "latency_us"] {
            properties = properties
                .set_column_dictionary_enabled(ColumnPath::from(numbers), false)
                .set_column_encoding(ColumnPath::from(numbers), Encoding::DELTA_BINARY_PACKED);
        }
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
        Ok(Self { schema, properties: Arc::new(properties.build()) })
    }
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        // The kind says whether the disk is full.
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

/// The files of each day.
struct Days<'a> {
    directory: &'a Path,
    class: &'static str,
    number: u64,
    parts: BTreeMap<i64, Part>,
    format: Format,
}

impl Days<'_> {
    fn add(&mut self, row: &Row<'_>) -> io::Result<()> {
        let day = row.time_us.div_euclid(DAY_US);
        if !self.parts.contains_key(&day) {
            let part = self.begin(day)?;
            self.parts.insert(day, part);
        }
        let Some(part) = self.parts.get_mut(&day) else { return Ok(()) };
        part.add(row)
    }

    fn begin(&self, day: i64) -> io::Result<Part> {
        if self.parts.len() >= MOST_DAYS {
            return Err(io::Error::new(ErrorKind::InvalidData, "rows of more than 16 days in one file"));
        }
        let folder = self.directory.join(format!("day={}", date(day))).join(format!("class={}", self.class));
        DirBuilder::new().mode(0o700).recursive(true).create(&folder)?;
        let suffix = if self.parts.is_empty() { String::new() } else { format!("-{}", self.parts.len()) };
        Part::begin(folder.join(format!("wal-{:020}{suffix}.parquet", self.number)), &self.format)
    }

    fn finish(self) -> io::Result<Vec<PathBuf>> {
        let files = self.parts.into_values().map(Part::finish).collect::<io::Result<Vec<_>>>()?;
        for folder in files.iter().filter_map(|file| file.parent()) {
            for one in folder.ancestors().take_while(|one| one.starts_with(self.directory)) {
                File::open(one)?.sync_all()?;
            }
        }
        Ok(files)
    }
}

/// One Parquet file under way.
struct Part {
    path: PathBuf,
    aside: PathBuf,
    writer: SerializedFileWriter<BufWriter<File>>,
    columns: Vec<Column>,
    rows: usize,
}

impl Part {
    fn begin(path: PathBuf, format: &Format) -> io::Result<Self> {
        let aside = path.with_extension("parquet.tmp");
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        let writer = SerializedFileWriter::new(BufWriter::new(file), format.schema.clone(), format.properties.clone());
        let columns = format.schema.get_fields().iter().map(|field| Column::new(field)).collect();
        Ok(Self { path, aside, writer: writer.map_err(failed)?, columns, rows: 0 })
    }

    fn add(&mut self, row: &Row<'_>) -> io::Result<()> {
        for (column, value) in self.columns.iter_mut().zip(values(row)) {
            column.push(value);
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS { self.write_group() } else { Ok(()) }
    }

    fn write_group(&mut self) -> io::Result<()> {
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for column in &mut self.columns {
            let Some(writer) = group.next_column().map_err(failed)? else { break };
            column.write(writer).map_err(failed)?;
        }
        group.close().map_err(failed)?;
        self.rows = 0;
        Ok(())
    }

    fn finish(mut self) -> io::Result<PathBuf> {
        if self.rows > 0 {
            self.write_group()?;
        }
        let file = self.writer.into_inner().map_err(failed)?.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        std::fs::rename(&self.aside, &self.path)?;
        Ok(self.path)
    }
}

enum Value<'a> {
    Long(i64),
    Number(i32),
    Text(&'a str),
    Maybe(Option<&'a str>),
}

/// In the order of the schema.
fn values<'a>(row: &Row<'a>) -> [Value<'a>; 20] {
    use Value::{Long, Maybe, Number, Text};
    [
        Long(row.time_us),
        Text(row.client),
        Text(row.segment),
        Text(row.policy),
        Long(row.policy_serial),
        Text(row.door),
        Text(row.qname),
        Maybe(row.qname_asked),
        Number(row.qtype),
        Number(row.rcode),
        Text(row.action),
        Text(row.layer),
        Maybe(row.category),
        Maybe(row.rule),
        Long(row.snapshot_serial),
        Text(row.source),
        Number(row.latency_us),
        Maybe(row.cname),
        Maybe(None),
        Maybe(None),
    ]
}

/// The values of one column of the group under way.
enum Column {
    Long(Vec<i64>),
    Number(Vec<i32>),
    Text { values: Vec<ByteArray>, present: Option<Vec<i16>> },
}

impl Column {
    fn new(field: &parquet::schema::types::Type) -> Self {
        match field.get_physical_type() {
            parquet::basic::Type::INT64 => Self::Long(Vec::new()),
            parquet::basic::Type::INT32 => Self::Number(Vec::new()),
            _ => Self::Text { values: Vec::new(), present: field.is_optional().then(Vec::new) },
        }
    }

    fn push(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Long(values), Value::Long(value)) => values.push(value),
            (Self::Number(values), Value::Number(value)) => values.push(value),
            (Self::Text { values, .. }, Value::Text(text)) => push_text(values, text),
            (Self::Text { values, present: Some(present) }, Value::Maybe(text)) => {
                present.push(i16::from(text.is_some()));
                if let Some(text) = text {
                    push_text(values, text);
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, mut writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Self::Long(values) => {
                writer.typed::<Int64Type>().write_batch(values, None, None)?;
                values.clear();
            }
            Self::Number(values) => {
                writer.typed::<Int32Type>().write_batch(values, None, None)?;
                values.clear();
            }
            Self::Text { values, present } => {
                writer.typed::<ByteArrayType>().write_batch(values, present.as_deref(), None)?;
                values.clear();
                present.iter_mut().for_each(Vec::clear);
            }
        }
        writer.close()
    }
}

/// Neighbouring rows mostly say the same: such a text is shared and not copied.
fn push_text(values: &mut Vec<ByteArray>, text: &str) {
    let value = match values.last() {
        Some(last) if last.data() == text.as_bytes() => last.clone(),
        _ => ByteArray::from(text.as_bytes().to_vec()),
    };
    values.push(value);
}

/// The day as `YYYY-MM-DD`, from days since 1970 (proleptic Gregorian calendar).
fn date(day: i64) -> String {
    // Days since 1 March of the year 0, in eras of 400 years: leap days then come last.
    let days = day + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        let known = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_088, "2024-12-31"),
            (20_779, "2026-11-22"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ];
        for (day, text) in known {
            assert_eq!(date(day), text);
        }
    }
}
