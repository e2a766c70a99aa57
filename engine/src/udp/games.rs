//! Game servers and peer-to-peer networks.

use super::draft::{Draft, Form, Service};
use super::echo::Echo;

pub(super) const SERVICES: &[Service] = &[
    Service {
        protocol: "source-query",
        ports: &[27_015, 27_016, 27_017, 27_018, 27_019, 27_020],
        source: "Valve Developer Community, Server queries, A2S_INFO",
        sends: "A2S_INFO",
        draft: |_| Draft::new().bytes(b"\xff\xff\xff\xffTSource Engine Query\0"),
    },
    Service {
        protocol: "quake3",
        ports: &[27_960, 27_961, 27_962, 27_963],
        source: "id Tech 3 source, SVC_Info: getinfo with a challenge",
        sends: "getinfo",
        draft: quake3,
    },
    Service {
        protocol: "raknet",
        ports: &[19_132, 19_133],
        source: "RakNet, unconnected ping",
        sends: "unconnected ping",
        draft: raknet,
    },
    Service {
        protocol: "bittorrent-dht",
        ports: &[6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889],
        source: "BEP 5",
        sends: "ping",
        draft: bittorrent,
    },
];

fn quake3(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(b"\xff\xff\xff\xffgetinfo ")
        .token(Form::DIGITS)
        // Servers read up to the end or a NUL.
        .bytes(&[0])
        .repeats("challenge, anywhere", Echo::Within(Form::DIGITS))
}

#[rustfmt::skip]
fn raknet(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[0x01])
        .token(Form::LONG)              // the sender's time comes back in the pong
        .bytes(&[                       // the offline message id of all RakNet peers
            0x00, 0xff, 0xff, 0x00, 0xfe, 0xfe, 0xfe, 0xfe,
            0xfd, 0xfd, 0xfd, 0xfd, 0x12, 0x34, 0x56, 0x78,
        ])
        .token(Form::LONG)              // our GUID
        .repeats("time, bytes 1–8", Echo::At(1, Form::LONG))
}

/// The transaction id `t` comes back in responses and in errors.
fn bittorrent(_: Option<&str>) -> Draft {
    Draft::new()
        .text("d1:ad2:id20:prtip-node-")
        .token(Form::digits(9))
        .text("e1:q4:ping1:t8:")
        .token(Form::LONG)
        .text("1:y1:qe")
        .repeats("t, anywhere", Echo::Within(Form::LONG))
}
