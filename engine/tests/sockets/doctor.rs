//! What the doctor says of interfaces whose abilities are known.

use prtip_engine::doctor::{Doctor, Verdict, examine};
use prtip_engine::error::Kind;

use crate::namespace::Pair;

fn verdict(doctor: &Doctor, engine: &str) -> (Verdict, String) {
    let check = doctor.engines.iter().find(|check| check.name == engine).expect("listed");
    (check.verdict, format!("{} {}", check.why, check.remedy))
}

#[test]
fn a_veth_can_copy_but_not_zerocopy_and_loopback_only_raw() {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("route add default via 198.18.0.2");
    pair.near.enter(|| {
        let doctor = examine(None);
        assert!(doctor.privileges.iter().all(|check| check.verdict == Verdict::Yes), "{doctor}");
        assert_eq!(doctor.interface.as_ref().unwrap().name, "scan0", "by the default route");
        assert_eq!(verdict(&doctor, "xdp generic").0, Verdict::Yes);
        assert_eq!(verdict(&doctor, "packet").0, Verdict::Yes);
        assert_eq!(verdict(&doctor, "raw").0, Verdict::Yes);
        if doctor.xdp_features.is_some() {
            assert_eq!(verdict(&doctor, "xdp zerocopy").0, Verdict::No);
            assert_eq!(verdict(&doctor, "xdp copy").0, Verdict::Yes);
            assert_eq!(
                doctor.auto,
                "live from 131072 probes on if its first frame leaves, else xdp copy"
            );
        }
        let text = doctor.to_string();
        assert!(text.contains("driver               veth"), "{text}");
        assert!(text.contains("02:00:00:00:00:01"), "{text}");
        let json = serde_json::to_value(&doctor).unwrap();
        assert_eq!(json["engines"][0]["name"], "xdp zerocopy");
        assert_eq!(json["interface"]["rx_queues"], 1);

        let doctor = examine(Some("lo"));
        for engine in ["xdp zerocopy", "live", "xdp copy", "xdp generic", "packet"] {
            assert_eq!(verdict(&doctor, engine).0, Verdict::No, "{engine}");
        }
        assert_eq!(verdict(&doctor, "raw").0, Verdict::Yes);
        assert_eq!(doctor.auto, "raw");

        let doctor = examine(Some("nosuch0"));
        assert_eq!(doctor.problem.as_ref().unwrap().kind, Kind::Usage);
        assert!(doctor.to_string().contains("nosuch0"));
    });
    pair.near.ip("link set scan0 down");
    pair.near.enter(|| {
        let (verdict, text) = verdict(&examine(Some("scan0")), "packet");
        assert_eq!(verdict, Verdict::No);
        assert!(text.contains("ip link set scan0 up"), "{text}");
    });
}
