//! Tests of habits as a whole.

use super::*;
use crate::addr::{Inside, MacAddr};
use crate::table::{Caps, Known, Lookup};
use crate::time::{SECOND, Timestamp};
use proptest::prelude::*;

const CAMERA: DeviceKey = DeviceKey::Mac(MacAddr([2, 0, 0, 0, 0, 31]));
const PHONE: DeviceKey = DeviceKey::Mac(MacAddr([2, 0, 0, 0, 0, 21]));

fn ip(text: &str) -> Ip {
    text.parse().expect("test address")
}

fn to(name: &str, server: &str, port: u16) -> Contact {
    let names = [if name.is_empty() { 0 } else { name_number(name) }, 0];
    let net = Some(net_number(ip(server)));
    Contact { names, net, ways: way_numbers(6, port, None), sure: true }
}

fn on_day(habits: &mut Habits, day: u64) {
    habits.set_now((day - 1) * DAY_S + 3600);
}

/// Nine days of a camera that talks to its maker, and of a phone that talks to everybody.
fn nine_days() -> Habits {
    let mut habits = Habits::new(64);
    for day in 1..=9 {
        on_day(&mut habits, day);
        habits.contact(CAMERA, &to("maker.example", &format!("203.0.{day}.5"), 443));
        for site in 0..10 {
            habits.contact(
                PHONE,
                &to(&format!("site{day}-{site}.example"), &format!("198.{day}.{site}.1"), 443),
            );
        }
    }
    habits
}

#[test]
fn a_device_is_learned_by_its_own_days_and_then_settled_or_busy() {
    let mut habits = Habits::new(64);
    assert_eq!(habits.standing(CAMERA), None);
    for day in 1..=7u16 {
        on_day(&mut habits, u64::from(day) * 10);
        habits.contact(CAMERA, &to("maker.example", "203.0.113.5", 443));
        assert_eq!(habits.standing(CAMERA), Some(Standing::Learning(day)), "days it was away do not count");
    }
    let habits = nine_days();
    assert_eq!(habits.standing(CAMERA), Some(Standing::Settled));
    assert_eq!(habits.standing(PHONE), Some(Standing::Busy));
    let record = habits.record(CAMERA).expect("it is known");
    assert_eq!((record.state.as_str(), record.day, record.of, record.destinations), ("settled", 7, 7, 1));
}

#[test]
fn a_new_destination_of_a_settled_device_is_told_once_a_day_until_it_is_usual() {
    let mut habits = nine_days();
    let attacker = to("evil.example", "198.51.100.66", 443);
    for day in 10..=11u8 {
        on_day(&mut habits, day.into());
        let fresh = habits.contact(CAMERA, &attacker).expect("it is new");
        assert_eq!((fresh.settled, fresh.place, fresh.way), (true, Some(day - 9), false));
        for _ in 0..100 {
            assert_eq!(habits.contact(CAMERA, &attacker), None);
        }
    }
    on_day(&mut habits, 12);
    assert_eq!(habits.contact(CAMERA, &attacker), None, "its third day");
}

#[test]
fn another_address_of_a_usual_domain_is_nothing_new_but_another_port_is() {
    let mut habits = nine_days();
    on_day(&mut habits, 10);
    assert_eq!(habits.contact(CAMERA, &to("maker.example", "192.0.2.77", 443)), None);
    assert!(habits.is_usual(CAMERA, name_number("maker.example"), 0));
    assert!(!habits.is_usual(CAMERA, name_number("evil.example"), 0));
    let fresh = habits.contact(CAMERA, &to("maker.example", "192.0.2.77", 22)).expect("a new port");
    assert_eq!((fresh.place, fresh.way), (None, true));
}

#[test]
fn a_device_that_takes_to_new_destinations_day_after_day_is_busy() {
    let mut habits = nine_days();
    let mut told = 0;
    for day in 10..30 {
        on_day(&mut habits, day);
        let site = to(&format!("d{day}.example"), &format!("192.0.{day}.1"), 443);
        told += u32::from(habits.contact(CAMERA, &site).is_some_and(|fresh| fresh.settled));
    }
    assert!((1..=3).contains(&told), "told {told} times");
}

#[test]
fn what_an_accused_device_did_that_day_is_forgotten_and_nothing_is_learned() {
    let mut habits = Habits::new(64);
    let (maker, evil) = (to("maker.example", "203.0.113.5", 443), to("evil.example", "198.51.100.66", 443));
    for day in 1..=3 {
        on_day(&mut habits, day);
        habits.contact(CAMERA, &maker);
    }
    habits.contact(CAMERA, &evil);
    habits.freeze(CAMERA, DAY_S);
    assert_eq!(habits.record(CAMERA).expect("known").state, "paused");
    habits.contact(CAMERA, &evil);
    for day in 5..=10 {
        on_day(&mut habits, day);
        assert_eq!(habits.contact(CAMERA, &maker), None);
    }
    let fresh = habits.contact(CAMERA, &evil).expect("it was not learned");
    assert_eq!(fresh.place, Some(1));
}

#[test]
fn a_service_is_new_once_and_a_scanner_finds_none() {
    let mut habits = nine_days();
    on_day(&mut habits, 10);
    let (laptop, scanner) = (ip("192.168.1.20"), ip("192.168.1.66"));
    habits.scans(scanner);
    assert_eq!(habits.offers(CAMERA, (6, 23), scanner, true), None);
    assert!(habits.offers(CAMERA, (6, 23), laptop, true).is_some_and(|fresh| fresh.settled));
    assert_eq!(habits.offers(CAMERA, (6, 23), laptop, true), None);
    assert_eq!(habits.offers(CAMERA, (6, 80), laptop, false), None, "it answered, no more");
}

#[test]
fn ports_answered_while_learning_are_no_news() {
    let mut habits = Habits::new(64);
    let laptop = ip("192.168.1.20");
    habits.offers(CAMERA, (6, 554), laptop, false);
    for day in 1..=9 {
        on_day(&mut habits, day);
        habits.seen(CAMERA);
    }
    assert_eq!(habits.offers(CAMERA, (6, 554), laptop, true), None);
    assert_eq!(habits.record(CAMERA).expect("known").services, ["tcp/554"]);
}

#[test]
fn uploads_count_by_the_hour_and_usual_destinations_do_not() {
    let mut habits = nine_days();
    let (maker, other) = (([name_number("maker.example"), 0], 1), ([name_number("other.example"), 0], 2));
    on_day(&mut habits, 10);
    let start = habits.now;
    assert_eq!(habits.moved(CAMERA, maker, 1 << 30, 0), None);
    for minute in 0..180 {
        habits.set_now(start + minute * 60);
        let upload = habits.moved(CAMERA, other, 1_000_000, 1_000).expect("it is not usual");
        assert!(upload.up <= 60_000_000, "{upload:?}");
        if minute >= 60 {
            assert!(upload.up >= 45_000_000, "{upload:?}");
        }
        assert_eq!(upload.strange_up, (minute + 1) * 1_000_000);
    }
}

#[test]
fn one_monstrous_day_does_not_become_the_usual_one() {
    let mut habits = Habits::new(64);
    for day in 1..=20 {
        on_day(&mut habits, day);
        habits.moved(CAMERA, ([1, 0], 1), 100 << 20, 0);
    }
    habits.moved(CAMERA, ([2, 0], 2), 1 << 40, 0);
    on_day(&mut habits, 21);
    let upload = habits.moved(CAMERA, ([2, 0], 2), 1, 0).expect("unusual");
    assert!(upload.usual < 200 << 20, "{upload:?}");
}

#[test]
fn a_clock_that_jumps_thirty_years_ahead_and_back_changes_nothing() {
    let run = |jumps: bool| {
        let mut known = Known::new(Caps::from_memory(24), Inside::default(), Vec::new());
        let mut told = Vec::new();
        for hour in 0..24 * 12 {
            known.set_now(Timestamp::from_secs(1000 + hour * 3600));
            let years = if jumps && hour % 7 == 3 { 30 * 365 * 86_400 * SECOND } else { 0 };
            known.set_offset(1_700_000_000 * SECOND + years);
            known.on_second();
            known.habits.on_second(known.learning_for());
            told.push(known.habits.contact(CAMERA, &to("maker.example", "203.0.113.5", 443)));
            if hour > 200 {
                told.push(known.habits.contact(CAMERA, &to("evil.example", "198.51.100.66", 443)));
            }
        }
        (told, known.habits.stored(CAMERA))
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn a_restart_that_lost_the_learned_time_forgets_no_day() {
    let habits = nine_days();
    let stored = habits.stored(CAMERA).expect("known");
    let mut again = Habits::new(64);
    assert!(again.restore(CAMERA, &stored, 0));
    assert_eq!((again.standing(CAMERA), again.day()), (Some(Standing::Settled), 9));
    again.set_now(DAY_S);
    assert_eq!(again.day(), 10);
}

#[test]
fn damage_is_not_read() {
    let stored = nine_days().stored(CAMERA).expect("known");
    let mut habits = Habits::new(4);
    for cut in 0..stored.len() {
        assert!(!habits.restore(CAMERA, &stored[..cut], 0));
    }
    let newer = [&[99], &stored[1..]].concat();
    assert!(!habits.restore(CAMERA, &newer, 0));
    assert!(habits.restore(CAMERA, &stored, 0));
}

#[test]
fn a_flood_of_made_up_devices_pushes_out_none_that_is_known() {
    let mut habits = Habits::new(2048);
    for day in 1..=9 {
        on_day(&mut habits, day);
        habits.seen(CAMERA);
    }
    for i in 0..100_000u32 {
        let [a, b, c, d] = i.to_be_bytes();
        habits.set_now(9 * DAY_S + u64::from(i) / 100);
        habits.seen(DeviceKey::Mac(MacAddr([2, 9, a, b, c, d])));
    }
    assert_eq!(habits.held().0, 2048);
    assert!(habits.held().1 <= 1000, "one a second");
    assert!(habits.standing(CAMERA).is_some());
}

#[test]
fn two_thousand_devices_fit_in_two_megabytes() {
    let bytes = size_of::<Baseline>() + size_of::<DeviceKey>() + 24;
    assert!(bytes * 2048 <= 2 << 20, "{bytes} bytes a device");
}

proptest! {
    #[test]
    fn a_restart_in_the_middle_gives_equal_judgement(
        steps in proptest::collection::vec((0u64..20_000, 0u8..4, 0u8..60, 0u16..2000), 1..400),
        restart in 0usize..400,
    ) {
        let (mut whole, mut parted) = (Habits::new(8), Habits::new(8));
        let mut now = 0;
        for (at, (seconds, op, who, port)) in steps.into_iter().enumerate() {
            now += seconds;
            if at == restart && let Some(stored) = parted.stored(CAMERA) {
                parted = Habits::new(8);
                prop_assert!(parted.restore(CAMERA, &stored, now));
                prop_assert_eq!(parted.stored(CAMERA), Some(stored));
            }
            let step = |habits: &mut Habits| {
                habits.set_now(now);
                let server = format!("203.{who}.113.5");
                match op {
                    0 => habits.contact(CAMERA, &to(&format!("d{who}.example"), &server, port)),
                    1 => habits.contact(CAMERA, &to("", &server, port % 8)),
                    2 => habits.offers(CAMERA, (6, port), ip("10.0.0.9"), who % 2 == 0),
                    _ => {
                        if who == 0 {
                            habits.freeze(CAMERA, 3600);
                        }
                        None
                    }
                }
            };
            prop_assert_eq!(step(&mut whole), step(&mut parted));
            prop_assert_eq!(whole.record(CAMERA), parted.record(CAMERA));
        }
    }

    #[test]
    fn arbitrary_bytes_are_read_or_not_but_never_panic(stored in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut habits = Habits::new(4);
        if habits.restore(CAMERA, &stored, 0) {
            habits.contact(CAMERA, &to("maker.example", "203.0.113.5", 443));
            habits.record(CAMERA);
        }
        let plausible = [&[1, 0], &stored[..]].concat();
        if habits.restore(PHONE, &plausible, 0) {
            habits.contact(PHONE, &to("maker.example", "203.0.113.5", 443));
        }
    }
}
