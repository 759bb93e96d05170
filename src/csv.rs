//! Records as CSV (RFC 4180), harmless to spreadsheets.

use crate::alert::{AlertRecord, Subject};
use crate::event::{DeviceRecord, TrafficPoint};
use std::fmt::Write as _;

/// What can be written as one line.
pub trait Row {
    /// Names of the columns, separated by commas.
    const HEADER: &'static str;
    /// Appends the line, its end included.
    fn row(&self, text: &mut String);
}

/// One cell of text. Names come from strangers, and a spreadsheet runs what begins with one of these.
fn cell(text: &mut String, value: &str) {
    let harmful = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    text.push('"');
    if harmful {
        text.push('\'');
    }
    text.push_str(&value.replace('"', "\"\""));
    text.push('"');
}

impl Row for AlertRecord {
    const HEADER: &'static str = "id,time,last_time,kind,severity,count,source_ip,source_mac,source_port,source_name,\
         target_ip,target_mac,target_port,target_name,summary,acknowledged,note";

    fn row(&self, text: &mut String) {
        let _ = write!(text, "{},{},{},", self.id, self.time, self.last_time);
        cell(text, &self.kind);
        let _ = write!(text, ",{},{}", self.severity.name(), self.count);
        for side in [&self.source, &self.target] {
            let nobody = Subject::default();
            let side = side.as_ref().unwrap_or(&nobody);
            let ip = side.ip.map(|ip| ip.to_string()).unwrap_or_default();
            let mac = side.mac.map(|mac| mac.to_string()).unwrap_or_default();
            let port = side.port.map(|port| port.to_string()).unwrap_or_default();
            let _ = write!(text, ",{ip},{mac},{port},");
            cell(text, side.name.as_deref().unwrap_or_default());
        }
        text.push(',');
        cell(text, &self.summary);
        let acknowledged = self.acknowledged.as_ref();
        let _ = write!(text, ",{},", acknowledged.map(|a| a.time.to_string()).unwrap_or_default());
        cell(text, acknowledged.map(|a| a.note.as_str()).unwrap_or_default());
        text.push_str("\r\n");
    }
}

impl Row for DeviceRecord {
    const HEADER: &'static str = "id,label,name,macs,ips,names,vendor,random_mac,kind,kind_why,first_seen,last_seen,\
         online,bytes_in_today,bytes_out_today,risk,notes,important,known";

    fn row(&self, text: &mut String) {
        let names: Vec<String> = self.names.iter().map(|n| format!("{} ({})", n.name, n.source)).collect();
        let cells = [
            &self.id,
            &self.label,
            self.name.as_deref().unwrap_or_default(),
            &self.macs.join(" "),
            &self.ips.join(" "),
            &names.join("; "),
            self.vendor.as_deref().unwrap_or_default(),
        ];
        for value in cells {
            cell(text, value);
            text.push(',');
        }
        let _ = write!(text, "{},", self.random_mac);
        cell(text, &self.kind);
        text.push(',');
        cell(text, self.kind_why.as_deref().unwrap_or_default());
        let _ = write!(
            text,
            ",{},{},{},{},{},{},",
            self.first_seen,
            self.last_seen,
            self.online,
            self.bytes_in_today,
            self.bytes_out_today,
            self.risk.map_or_else(String::new, |risk| risk.to_string())
        );
        cell(text, &self.notes);
        let _ = write!(text, ",{},{}\r\n", self.important, self.known.unwrap_or(false));
    }
}

/// A step of traffic and its length.
#[derive(serde::Serialize)]
pub struct Stepped {
    /// Its counts.
    #[serde(flatten)]
    pub point: TrafficPoint,
    /// Seconds it lasts.
    pub step_seconds: u64,
}

impl Row for Stepped {
    const HEADER: &'static str = "time,step_seconds,bytes_in,bytes_out,bytes_internal,packets_in,packets_out,\
         packets_internal,dropped";

    fn row(&self, text: &mut String) {
        let (p, step) = (&self.point, self.step_seconds);
        let _ = write!(text, "{},{step},{},{},{},", p.time, p.bytes_in, p.bytes_out, p.bytes_internal);
        let _ = write!(text, "{},{},{},{}\r\n", p.packets_in, p.packets_out, p.packets_internal, p.dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_a_spreadsheet_would_run_are_made_harmless() {
        for (value, written) in [
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("@sum", "\"'@sum\""),
            ("-2", "\"'-2\""),
            ("\tx", "\"'\tx\""),
            ("say \"hi\", now", "\"say \"\"hi\"\", now\""),
            ("a=b", "\"a=b\""),
        ] {
            let mut text = String::new();
            cell(&mut text, value);
            assert_eq!(text, written);
        }
    }

    #[test]
    fn a_line_has_a_cell_for_every_column() {
        let mut text = String::new();
        DeviceRecord { label: "plain".into(), ..DeviceRecord::default() }.row(&mut text);
        assert_eq!(text.split(',').count(), DeviceRecord::HEADER.split(',').count(), "{text}");
    }
}
