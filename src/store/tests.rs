//! Tests of the store as a whole.

mod damage;
mod migration;

use super::*;
use crate::alert::Subject;
use crate::time::SECOND;
use proptest::prelude::*;
use std::path::PathBuf;
use tempfile::TempDir;

const NOON: i64 = 1_767_355_200;

fn at(seconds: i64) -> WallTime {
    WallTime::from_micros(seconds * SECOND)
}

fn options() -> Options {
    Options { cache_bytes: 1 << 20, max_bytes: 64 << 20, alert_days: 30, flush_seconds: 60 }
}

fn alert(id: u64, seconds: i64) -> AlertRecord {
    let evidence = serde_json::json!({"ports": 25, "window_s": 4});
    AlertRecord {
        id,
        time: at(seconds),
        last_time: at(seconds),
        kind: if id.is_multiple_of(2) { "port_scan" } else { "arp_spoof" }.into(),
        severity: Severity::ALL[(id % 4) as usize],
        count: 1,
        source: Some(Subject {
            name: Some(format!("Host-{id}")),
            ..Subject::ip(format!("10.0.0.{}", id % 200).parse().unwrap())
        }),
        target: Some(Subject::mac("02:00:00:00:00:09".parse().unwrap())),
        summary: format!("Summary \"{id}\" with é"),
        summary_nl: String::new(),
        evidence: evidence.as_object().unwrap().clone(),
        mitre: vec!["T1046".into()],
        history: None,
        acknowledged: None,
    }
}

fn ack(note: &str) -> Acknowledgement {
    Acknowledgement { time: at(NOON), note: note.into(), by: None }
}

fn memory_with(count: u64) -> Store {
    let store = Store::in_memory(options()).unwrap();
    let alerts: Vec<AlertRecord> = (1..=count).map(|id| alert(id, NOON + id as i64)).collect();
    store.commit_alerts(&alerts).unwrap();
    store
}

fn ids(alerts: &[AlertRecord]) -> Vec<u64> {
    alerts.iter().map(|alert| alert.id).collect()
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("sub").join("store.redb")
}

fn open(path: &Path) -> Store {
    let (store, notices) = Store::open(path, options(), at(NOON)).unwrap();
    assert_eq!(notices, Vec::<String>::new());
    store
}

#[test]
fn everything_is_there_after_reopening() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    let mute = Mute {
        id: 99,
        kind: Some("port_scan".into()),
        source: Some("10.0.0.1".parse().unwrap()),
        target: None,
        port: None,
        until: None,
        reason: "mine".into(),
        created: at(NOON),
        hidden: 7,
    };
    let device = DeviceRecord { id: "02aa".into(), last_seen: at(NOON), ..DeviceRecord::default() };
    {
        let store = open(&path);
        store.commit_alerts(&[alert(1, NOON), alert(2, NOON)]).unwrap();
        assert_eq!(store.add_mute(mute.clone()).unwrap().id, 1);
        assert_eq!(store.add_mute(mute.clone()).unwrap().id, 2);
        assert!(store.delete_mute(1).unwrap());
        assert!(!store.delete_mute(1).unwrap());
        store.set_hidden(&[(1, 5), (2, 12)]).unwrap();
        store.save_devices(std::slice::from_ref(&device)).unwrap();
        let habits = |ids: &[&str]| ids.iter().map(|id| ((*id).to_owned(), vec![1, 2, 3])).collect();
        store.save_habits(&habits(&["02aa", "02bb"])).unwrap();
        store.save_habits(&habits(&["02aa", "02cc"])).unwrap();
        store.set_setting("password", Some("hash")).unwrap();
        store.set_setting("gone", Some("x")).unwrap();
        store.set_setting("gone", None).unwrap();
        store.add_traffic(&TrafficPoint { time: at(NOON), bytes_in: 3, ..Default::default() }).unwrap();
    }
    let store = open(&path);
    assert_eq!(store.alert(2).unwrap(), Some(alert(2, NOON)));
    let habits = [("02aa".to_owned(), vec![1, 2, 3]), ("02cc".to_owned(), vec![1, 2, 3])];
    assert_eq!(store.habits().unwrap(), habits);
    assert_eq!(store.next_alert_id(), 3);
    let expected = Mute { id: 2, hidden: 12, ..mute };
    assert_eq!(store.mutes().unwrap(), vec![expected.clone()]);
    assert_eq!(store.add_mute(expected).unwrap().id, 3, "ids of deleted mutes are not used again");
    assert_eq!(store.devices().unwrap(), vec![device]);
    assert_eq!(store.setting("password").unwrap().as_deref(), Some("hash"));
    assert_eq!(store.setting("gone").unwrap(), None);
    assert_eq!(store.traffic(Step::Hour, at(0), at(NOON + 1)).unwrap()[0].bytes_in, 3);
    assert_eq!(store.stats().alerts, 2);
}

#[test]
fn numbers_are_found_without_a_look_at_the_others_and_none_is_missed() {
    let store = memory_with(50);
    let found = |text: &str| {
        let filter = AlertFilter { query: Query::parse(text, &[]).unwrap(), ..Default::default() };
        let page = store.alerts(&filter, None, 100).unwrap();
        assert_eq!(page.total as usize, page.alerts.len(), "{text}");
        ids(&page.alerts)
    };
    assert_eq!(found("id:7,9,50"), [50, 9, 7]);
    assert_eq!(found("id:>=49 -id:50"), [49]);
    assert_eq!(found("id:<3"), [2, 1]);
    assert_eq!(found("id:5 id:6"), [0u64; 0]);
    assert_eq!(found("id:>=40 id:<=10"), [0u64; 0]);
    assert_eq!(found("id:18446744073709551615,1"), [1]);
    assert_eq!(found("-id:>1"), [1]);
}

#[test]
fn what_one_order_acknowledged_is_taken_back_and_nothing_else() {
    let store = memory_with(8);
    let by = |seconds| Acknowledgement { time: at(seconds), note: String::new(), by: None };
    store.acknowledge(1, by(NOON)).unwrap();
    let scans = AlertFilter { kind: vec!["port_scan".into()], ..Default::default() };
    assert_eq!(store.acknowledge_matching(&scans, by(NOON + 1)).unwrap(), 4);
    let order = AlertFilter { acknowledged_at: Some(at(NOON + 1)), ..Default::default() };
    assert_eq!(store.acknowledge_matching(&order, None::<Acknowledgement>).unwrap(), 4);
    assert_eq!(store.open_counts().values().sum::<u64>(), 7);
    let reopened = store.acknowledge(1, None::<Acknowledgement>).unwrap().unwrap();
    assert_eq!(reopened, alert(1, NOON + 1));
    assert_eq!(store.open_counts().values().sum::<u64>(), 8);
    assert_eq!(store.acknowledge(99, None::<Acknowledgement>).unwrap(), None);
}

#[test]
fn a_mute_is_renewed_and_goes_on_counting() {
    let store = memory_with(0);
    let mute = Mute {
        id: 0,
        kind: None,
        source: Some("02:00:00:00:00:09".parse().unwrap()),
        target: Some("10.0.0.0/24".parse().unwrap()),
        port: None,
        until: None,
        reason: "mine".into(),
        created: at(NOON),
        hidden: 0,
    };
    let id = store.add_mute(mute).unwrap().id;
    store.set_hidden(&[(id, 5)]).unwrap();
    let changed = store.change_mute(id, |mute| mute.until = Some(at(NOON + 60))).unwrap().unwrap();
    assert_eq!((changed.until, changed.hidden, changed.reason.as_str()), (Some(at(NOON + 60)), 5, "mine"));
    assert_eq!(store.mutes().unwrap(), vec![changed]);
    assert_eq!(store.change_mute(99, |_| ()).unwrap(), None);
}

#[test]
fn records_of_before_histories_and_stations_are_read() {
    let old = r#"{"id":1,"time":"2026-01-02T12:00:00Z","last_time":"2026-01-02T12:00:00Z","kind":"port_scan",
        "severity":"high","count":3,"source":null,"target":null,"summary":"s","evidence":{},"mitre":[]}"#;
    assert_eq!(serde_json::from_str::<AlertRecord>(old).unwrap().history, None);
    let old = r#"{"id":1,"kind":null,"source":"10.0.0.1","target":"fd00::1","port":null,"until":null,"reason":"",
        "created":"2026-01-02T12:00:00Z","hidden":2}"#;
    let mute: Mute = serde_json::from_str(old).unwrap();
    assert_eq!(mute.source, Some(crate::alert::Party::Ip("10.0.0.1".parse().unwrap())));
}

#[test]
#[ignore = "measures: cargo test --release --lib scan_cost -- --ignored --nocapture"]
fn scan_cost_over_a_hundred_thousand_alerts() {
    let store = Store::in_memory(Options { max_bytes: 1 << 30, ..options() }).unwrap();
    for start in (0..100_000u64).step_by(1000) {
        let alerts: Vec<AlertRecord> =
            (start + 1..=start + 1000).map(|id| alert(id, NOON + id as i64)).collect();
        store.commit_alerts(&alerts).unwrap();
    }
    let kinds = ["port_scan", "arp_spoof"];
    for text in [
        "state:open",
        "kind:port_scan",
        "sev:>=high",
        "src:10.0.0.7",
        "src:10.0.0.0/28",
        "ip:fd00::/8",
        "src:host-77",
        "zzz-nothing",
        "-kind:port_scan",
        "count:>=2",
        "id:5,6,7",
        "kind:port_scan sev:low summary",
    ] {
        let query = Query::parse(text, &kinds).unwrap();
        let filter = AlertFilter { query, ..Default::default() };
        let began = crate::time::monotonic();
        let page = store.alerts(&filter, None, 50).unwrap();
        let first = crate::time::monotonic().since(began);
        store.alerts(&filter, page.next, 50).unwrap();
        let second = crate::time::monotonic().since(began) - first;
        println!(
            "{text:40} {:6} match {:6.1} ms, next page {:5.1} ms",
            page.total,
            first as f64 / 1e3,
            second as f64 / 1e3
        );
    }
}

#[test]
fn an_alert_that_grows_stays_acknowledged() {
    let store = memory_with(4);
    assert_eq!(store.open_counts().values().sum::<u64>(), 4);
    assert_eq!(store.acknowledge(3, ack("seen")).unwrap().unwrap().acknowledged, Some(ack("seen")));
    assert_eq!(store.acknowledge(9, ack("none")).unwrap(), None);
    let grown = AlertRecord { count: 50, severity: Severity::Low, ..alert(3, NOON + 60) };
    store.commit_alerts(&[grown]).unwrap();
    let now = store.alert(3).unwrap().unwrap();
    assert_eq!((now.count, now.acknowledged), (50, Some(ack("seen"))));
    assert_eq!(store.open_counts().values().sum::<u64>(), 3);
    assert_eq!(store.stats().alerts, 4);
}

#[test]
fn acknowledging_what_matches_is_one_commit_and_leaves_the_rest() {
    let store = memory_with(100);
    store.acknowledge(2, ack("first")).unwrap();
    let before = store.stats().durable_commits;
    let scans = AlertFilter { kind: vec!["port_scan".into()], ..Default::default() };
    assert_eq!(store.acknowledge_matching(&scans, ack("all")).unwrap(), 49);
    assert_eq!(store.stats().durable_commits, before + 1);
    assert_eq!(store.alert(2).unwrap().unwrap().acknowledged, Some(ack("first")));
    assert_eq!(store.acknowledge_matching(&scans, ack("again")).unwrap(), 0);
    let open = AlertFilter { acknowledged: Some(false), ..Default::default() };
    assert_eq!(store.alerts(&open, None, 10).unwrap().total, 50);
    assert_eq!(store.open_counts().values().sum::<u64>(), 50);
}

#[test]
fn every_field_of_a_filter_counts() {
    let store = memory_with(40);
    let total = |filter: AlertFilter| store.alerts(&filter, None, 500).unwrap().total;
    let none = AlertFilter::default;
    assert_eq!(total(none()), 40);
    assert_eq!(total(AlertFilter { since: Some(at(NOON + 31)), ..none() }), 10);
    assert_eq!(total(AlertFilter { until: Some(at(NOON + 31)), ..none() }), 30);
    assert_eq!(total(AlertFilter { severity: vec![Severity::Low, Severity::High], ..none() }), 20);
    assert_eq!(total(AlertFilter { kind: vec!["arp_spoof".into(), "other".into()], ..none() }), 20);
    assert_eq!(total(AlertFilter { source: Some("10.0.0.7".into()), ..none() }), 1);
    assert_eq!(total(AlertFilter { source: Some("::ffff:10.0.0.7".into()), ..none() }), 1);
    assert_eq!(total(AlertFilter { source: Some("host-7".into()), ..none() }), 1);
    assert_eq!(total(AlertFilter { source: Some("host".into()), ..none() }), 0, "names are exact");
    assert_eq!(total(AlertFilter { target: Some("02:00:00:00:00:09".into()), ..none() }), 40);
    assert_eq!(total(AlertFilter { target: Some("10.0.0.7".into()), ..none() }), 0);
    assert_eq!(total(AlertFilter { text: Some("HOST-3".into()), ..none() }), 11);
    assert_eq!(total(AlertFilter { text: Some("É".into()), ..none() }), 40);
    assert_eq!(total(AlertFilter { text: Some("\"12\"".into()), ..none() }), 1);
    assert_eq!(total(AlertFilter { text: Some("window_s".into()), ..none() }), 0, "evidence is not searched");
    let both = AlertFilter { text: Some("port_".into()), severity: vec![Severity::Medium], ..none() };
    assert_eq!(total(both), 0);
}

#[test]
fn pages_cover_everything_once_even_while_alerts_come_in() {
    let store = memory_with(25);
    let scans = AlertFilter { kind: vec!["port_scan".into()], ..Default::default() };
    for filter in [AlertFilter::default(), scans] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = store.alerts(&filter, before, 5).unwrap();
            seen.extend(ids(&page.alerts));
            store.commit_alerts(&[alert(store.next_alert_id(), NOON)]).unwrap();
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        let wanted: Vec<u64> =
            (1..=seen[0]).rev().filter(|id| filter.kind.is_empty() || id.is_multiple_of(2)).collect();
        assert_eq!(seen, wanted);
    }
}

#[test]
fn the_total_is_right_on_every_page_and_after_every_change() {
    let store = memory_with(20);
    let open = AlertFilter { acknowledged: Some(false), ..Default::default() };
    let first = store.alerts(&open, None, 4).unwrap();
    let second = store.alerts(&open, first.next, 4).unwrap();
    assert_eq!((first.total, second.total), (20, 20));
    assert_eq!(ids(&second.alerts), [16, 15, 14, 13]);
    store.acknowledge(1, ack("")).unwrap();
    assert_eq!(store.alerts(&open, second.next, 4).unwrap().total, 19);
    assert_eq!(store.alerts(&open, None, 0).unwrap().alerts, []);
}

#[test]
fn a_viewer_that_comes_back_misses_nothing() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    {
        let store = open(&path);
        let alerts: Vec<AlertRecord> = (1..=10).map(|id| alert(id, NOON + id as i64)).collect();
        store.commit_alerts(&alerts).unwrap();
        store
            .commit_alerts(&[AlertRecord { count: 9, last_time: at(NOON + 90), ..alert(4, NOON + 4) }])
            .unwrap();
        store.commit_alerts(&[alert(11, NOON + 91)]).unwrap();
        assert_eq!(ids(&store.alerts_since_id(8, 100).unwrap()), [4, 9, 10, 11]);
        assert_eq!(ids(&store.alerts_since_id(4, 100).unwrap()), (5..=11).collect::<Vec<u64>>());
        assert!(store.alerts_since_id(11, 100).unwrap().is_empty());
        assert_eq!(
            ids(&store.alerts_since_id(0, 3).unwrap()),
            [9, 10, 11],
            "the newest when there are too many"
        );
        assert_eq!(ids(&store.alerts_since_id(u64::MAX, 3).unwrap()), [9, 10, 11], "an unknown id");
    }
    let store = open(&path);
    assert_eq!(ids(&store.alerts_since_id(8, 100).unwrap()), [4, 9, 10, 11], "also after a restart");
}

#[test]
fn deleted_ids_are_never_given_again() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    {
        let store = open(&path);
        store.commit_alerts(&[alert(1, NOON - 40 * 86_400), alert(2, NOON - 40 * 86_400)]).unwrap();
        store.add_traffic(&TrafficPoint { time: at(NOON), ..Default::default() }).unwrap();
        store.tick(at(NOON)).unwrap();
        assert_eq!(store.stats().alerts, 0, "older than 30 days");
        assert_eq!(store.open_counts().values().sum::<u64>(), 0);
    }
    assert_eq!(open(&path).next_alert_id(), 3);
}

fn sum(store: &Store, step: Step) -> [u64; 2] {
    let (mut from, mut sums) = (at(0), [0; 2]);
    loop {
        let points = store.traffic(step, from, WallTime::from_micros(i64::MAX)).unwrap();
        let Some(last) = points.last() else { return sums };
        for point in &points {
            sums = [sums[0] + point.bytes_in, sums[1] + point.dropped];
        }
        from = at(last.time.secs() + 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn sums_are_equal_at_every_resolution_however_the_clock_steps(
        points in proptest::collection::vec((0i64..3_000_000, 0u64..1_000_000, 0u64..100), 1..200),
    ) {
        let store = Store::in_memory(options()).unwrap();
        let mut expected = [0; 2];
        for (seconds, bytes_in, dropped) in points {
            let time = WallTime::from_micros((NOON + seconds) * SECOND + 123_456);
            store.add_traffic(&TrafficPoint { time, bytes_in, dropped, ..Default::default() }).unwrap();
            expected = [expected[0] + bytes_in, expected[1] + dropped];
        }
        for step in Step::ALL {
            prop_assert_eq!(sum(&store, step), expected);
            let all = store.traffic(step, at(0), at(NOON * 2)).unwrap();
            prop_assert!(all.iter().all(|point| point.time.secs() % step.seconds() as i64 == 0));
            prop_assert!(all.is_sorted_by_key(|point| point.time));
        }
    }
}

#[test]
fn each_series_is_kept_as_long_as_it_says() {
    let store = Store::in_memory(options()).unwrap();
    for hour in 0..24 * 30 {
        let time = at(NOON + hour * 3600);
        store.add_traffic(&TrafficPoint { time, bytes_in: 1, ..Default::default() }).unwrap();
    }
    let end = NOON + 24 * 30 * 3600 - 3600;
    for tick in 0..200 {
        store.tick(at(end + tick)).unwrap();
    }
    let count = |step| store.traffic(step, at(0), at(end + 1)).unwrap().len();
    assert_eq!(Step::ALL.map(count), [27, 8 * 24 + 1, 24 * 30, 24 * 30]);
}

#[test]
fn a_wrong_clock_deletes_nothing() {
    let year = 366 * 86_400;
    for wrong in [NOON + 10 * year, NOON - 10 * year] {
        let store = Store::in_memory(options()).unwrap();
        store.tick(at(NOON)).unwrap();
        store.commit_alerts(&[alert(1, NOON)]).unwrap();
        store.add_traffic(&TrafficPoint { time: at(NOON), bytes_in: 1, ..Default::default() }).unwrap();
        for tick in 0..600 {
            store.tick(at(wrong + tick)).unwrap();
            let point = TrafficPoint { time: at(wrong + tick), bytes_in: 1, ..Default::default() };
            store.add_traffic(&point).unwrap();
        }
        for tick in 0..600 {
            store.tick(at(NOON + tick)).unwrap();
        }
        assert!(store.alert(1).unwrap().is_some());
        assert_eq!(store.traffic(Step::Seconds10, at(NOON), at(NOON + 1)).unwrap().len(), 1);
        assert_eq!(sum(&store, Step::Hour)[0], 601);
    }
}

#[test]
fn a_clock_that_was_set_right_by_years_is_believed_after_an_hour() {
    let store = Store::in_memory(options()).unwrap();
    store.tick(at(0)).unwrap();
    store.commit_alerts(&[alert(1, 60)]).unwrap();
    for tick in 0..3500 {
        store.tick(at(NOON + tick)).unwrap();
    }
    store.add_traffic(&TrafficPoint { time: at(NOON + 3500), ..Default::default() }).unwrap();
    assert_eq!(store.stats().alerts, 1);
    for tick in 3500..3800 {
        store.tick(at(NOON + tick)).unwrap();
    }
    assert_eq!(store.stats().alerts, 0);
}

#[test]
fn the_file_stays_below_its_largest_size_and_the_newest_stay() {
    let folder = TempDir::new().unwrap();
    let small = Options { max_bytes: 4 << 20, ..options() };
    let (store, _) = Store::open(&file(&folder), small, at(NOON)).unwrap();
    let mut id = 0;
    for batch in 0..400 {
        let alerts: Vec<AlertRecord> = (0..50).map(|n| alert(id + n + 1, NOON + batch)).collect();
        id += 50;
        store.commit_alerts(&alerts).unwrap();
        store.tick(at(NOON + batch)).unwrap();
    }
    for tick in 400..600 {
        store.tick(at(NOON + tick)).unwrap();
    }
    let stats = store.stats();
    assert!(stats.file_bytes <= small.max_bytes, "{stats:?}");
    assert!(stats.alerts > 2000 && stats.alerts < id, "{stats:?}");
    assert!(store.alert(id).unwrap().is_some());
    assert!(store.alert(1).unwrap().is_none());
    assert_eq!(store.open_counts().values().sum::<u64>(), stats.alerts);
}

#[test]
fn a_store_that_shrank_is_compacted_at_the_start() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    let large = {
        let store = open(&path);
        for batch in 0..20 {
            let alerts: Vec<AlertRecord> =
                (1..=2000).map(|n| alert(batch * 2000 + n, NOON - 29 * 86_400)).collect();
            store.commit_alerts(&alerts).unwrap();
        }
        store.commit_alerts(&[alert(50_000, NOON + 2 * 86_400)]).unwrap();
        for tick in 0..600 {
            store.tick(at(NOON + 2 * 86_400 - 60_000 + tick * 100)).unwrap();
        }
        assert_eq!(store.stats().alerts, 1);
        store.stats().file_bytes
    };
    let store = open(&path);
    assert!(store.stats().file_bytes < large / 2, "{} of {large}", store.stats().file_bytes);
    assert!(store.alert(50_000).unwrap().is_some());
}

#[test]
fn devices_nobody_saw_for_long_go_unless_the_owner_cares() {
    let store = Store::in_memory(options()).unwrap();
    let device = |id: &str, days: i64, important: bool| DeviceRecord {
        id: id.into(),
        last_seen: at(NOON - days * 86_400),
        important,
        ..DeviceRecord::default()
    };
    store
        .save_devices(&[device("old", 500, false), device("mine", 500, true), device("new", 3, false)])
        .unwrap();
    store.add_traffic(&TrafficPoint { time: at(NOON), ..Default::default() }).unwrap();
    for tick in 0..4000 {
        store.tick(at(NOON + tick)).unwrap();
    }
    let kept: Vec<String> = store.devices().unwrap().into_iter().map(|device| device.id).collect();
    assert_eq!(kept, ["mine", "new"]);
}

#[test]
fn batches_become_durable_when_due_and_bytes_are_counted_over_restarts() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder);
    let before = {
        let store = open(&path);
        let start = store.stats();
        for tick in 0..600 {
            if tick % 10 == 0 {
                store.add_traffic(&TrafficPoint { time: at(NOON + tick), ..Default::default() }).unwrap();
            }
            store.tick(at(NOON + tick)).unwrap();
        }
        let stats = store.stats();
        let commits = stats.durable_commits - start.durable_commits;
        assert!((9..=10).contains(&commits), "one a minute, not {commits}");
        assert_eq!(stats.batched_commits, 60);
        assert!(stats.written_today_bytes > 0);
        stats.written_today_bytes
    };
    let (store, _) = Store::open(&path, options(), at(NOON + 700)).unwrap();
    assert!(store.stats().written_today_bytes >= before / 2, "counted on");
    store.tick(at(NOON + 86_400)).unwrap();
    assert!(store.stats().written_today_bytes < before / 2, "a new day");
    let idle = store.stats().durable_commits;
    for tick in 0..600 {
        store.tick(at(NOON + 86_400 + tick)).unwrap();
    }
    assert!(store.stats().durable_commits <= idle + 1, "nothing to do, nothing written");
}

#[test]
fn the_audit_log_keeps_the_newest_entries_and_pages_through_them() {
    let store = Store::in_memory(options()).unwrap();
    let entry = |n: u64| AuditRecord { about: n.to_string(), ..AuditRecord::default() };
    (1..=audit::KEPT + 30).for_each(|n| store.add_audit(entry(n)).unwrap());
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = store.audit(before, 300).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page.iter().map(|e| e.about.parse::<u64>().unwrap()));
    }
    assert_eq!(seen, (31..=audit::KEPT + 30).rev().collect::<Vec<_>>());
}
