//! Time, management, remote procedures, files, logs, and the small services.

use super::draft::{Draft, Form, Service};
use super::echo::Echo;

pub(super) const SERVICES: &[Service] = &[
    Service {
        protocol: "ntp",
        ports: &[123],
        source: "RFC 5905 §7.3",
        sends: "client request, version 4",
        draft: ntp,
    },
    Service {
        protocol: "snmp",
        ports: &[161],
        source: "RFC 1157 §4.1.2, RFC 1213 §6",
        sends: "v1 GetRequest of sysDescr.0, community public",
        draft: snmp,
    },
    Service {
        protocol: "rpcbind",
        ports: &[111],
        source: "RFC 5531 §9, RFC 1833 §3",
        sends: "NULL call of the port mapper, version 2",
        draft: |_| rpc_null(100_000, 2),
    },
    Service {
        protocol: "nfs",
        ports: &[2049],
        source: "RFC 5531 §9, RFC 1813 §3.3.0",
        sends: "NULL call of NFS, version 3",
        draft: |_| rpc_null(100_003, 3),
    },
    Service {
        protocol: "tftp",
        ports: &[69],
        source: "RFC 1350 §5",
        sends: "read request of a file that nobody has",
        draft: |_| {
            Draft::new().bytes(b"\0\x01prtip-no-such-file\0octet\0").answered_from_any_port()
        },
    },
    Service {
        protocol: "rip",
        ports: &[520],
        source: "RFC 2453 §3.9.1, §4",
        sends: "version 2 request of one host route in 10.0.0.0/8",
        draft: rip,
    },
    Service {
        protocol: "syslog",
        ports: &[514],
        source: "RFC 5424 §6",
        sends: "a message of severity debug; syslog never answers",
        draft: syslog,
    },
    Service {
        protocol: "xdmcp",
        ports: &[177],
        source: "X Display Manager Control Protocol 1.1, Query",
        sends: "Query without authentication names",
        // Version 1, opcode 2, one byte follows: no names.
        draft: |_| Draft::new().bytes(&[0, 1, 0, 2, 0, 1, 0]),
    },
    Service {
        protocol: "memcached",
        ports: &[11_211],
        source: "memcached protocol.txt, UDP protocol",
        sends: "version",
        draft: memcached,
    },
    Service {
        protocol: "mssql-browser",
        ports: &[1434],
        source: "MC-SQLR §2.2.2",
        sends: "CLNT_UCAST_EX, the list of instances",
        draft: |_| Draft::new().bytes(&[0x03]),
    },
    Service {
        protocol: "echo",
        ports: &[7],
        source: "RFC 862",
        sends: "sixteen digits and a text",
        draft: echo,
    },
    Service {
        protocol: "systat",
        ports: &[11],
        source: "RFC 866",
        sends: "an empty line",
        draft: |_| Draft::new().text("\r\n"),
    },
    Service {
        protocol: "daytime",
        ports: &[13],
        source: "RFC 867",
        sends: "an empty line",
        draft: |_| Draft::new().text("\r\n"),
    },
    Service {
        protocol: "qotd",
        ports: &[17],
        source: "RFC 865",
        sends: "an empty line",
        draft: |_| Draft::new().text("\r\n"),
    },
    Service {
        protocol: "chargen",
        ports: &[19],
        source: "RFC 864",
        sends: "an empty line",
        draft: |_| Draft::new().text("\r\n"),
    },
    Service {
        protocol: "time",
        ports: &[37],
        source: "RFC 868",
        sends: "an empty datagram",
        draft: |_| Draft::new(),
    },
];

fn ntp(_: Option<&str>) -> Draft {
    Draft::new()
        // Leap indicator unknown (3), version 4, mode 3; stratum unspecified,
        // poll and precision of a client that has none.
        .bytes(&[0b11_100_011, 0, 0, 0])
        // Root delay and dispersion, reference id, reference, origin and receive
        // timestamps: unknown.
        .zeros(36)
        // The transmit timestamp comes back as the origin timestamp, whatever it is.
        .token(Form::LONG)
        .repeats("origin timestamp, bytes 24–31", Echo::At(24, Form::LONG))
}

#[rustfmt::skip]
fn snmp(_: Option<&str>) -> Draft {
    Draft::new()
        .bytes(&[
            0x30, 41,                   // Message
            0x02, 1, 0,                 // version 1 is 0
            0x04, 6,                    // community
        ])
        .text("public")
        .bytes(&[
            0xa0, 28,                   // GetRequest-PDU
            0x02, 4,                    // request-id
        ])
        .token(Form::INTEGER)
        .bytes(&[
            0x02, 1, 0,                 // error-status
            0x02, 1, 0,                 // error-index
            0x30, 14,                   // variable-bindings
            0x30, 12,
            0x06, 8, 0x2b, 6, 1, 2, 1, 1, 1, 0, // 1.3.6.1.2.1.1.1.0
            0x05, 0,                    // NULL
        ])
        .repeats("request-id", Echo::SnmpRequestId(Form::INTEGER))
}

/// A call of procedure 0, which does nothing and, by RPC's convention, is part of
/// every program.
fn rpc_null(program: u32, version: u32) -> Draft {
    Draft::new()
        .token(Form::WORD)
        // CALL, RPC version 2.
        .bytes(&[0, 0, 0, 0, 0, 0, 0, 2])
        .bytes(&program.to_be_bytes())
        .bytes(&version.to_be_bytes())
        // Procedure 0; credentials and verifier AUTH_NONE, each of no bytes.
        .zeros(4 + 8 + 8)
        .repeats("xid, bytes 0–3", Echo::At(0, Form::WORD))
}

/// One route, not the whole table: the entry comes back with its metric filled
/// in, so the answer is as small as the request and repeats the address asked.
fn rip(_: Option<&str>) -> Draft {
    let host = Form::number(4, 24, 10 << 24);
    Draft::new()
        // Request, version 2.
        .bytes(&[1, 2, 0, 0])
        // Address family IP, route tag 0.
        .bytes(&[0, 2, 0, 0])
        .token(host)
        // Mask of a host, no next hop, metric infinity.
        .bytes(&[255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 16])
        .repeats("address of the entry, bytes 8–11", Echo::At(8, host))
}

fn syslog(contact: Option<&str>) -> Draft {
    // Facility user, severity debug; no time, host, process or message id.
    Draft::new().text("<15>1 - - prtip - - - probe of this UDP port").contact(", contact ", contact)
}

fn memcached(_: Option<&str>) -> Draft {
    Draft::new()
        .token(Form::SHORT)
        // Datagram 0 of 1, reserved.
        .bytes(&[0, 0, 0, 1, 0, 0])
        .text("version\r\n")
        .repeats("request id, bytes 0–1", Echo::At(0, Form::SHORT))
}

fn echo(contact: Option<&str>) -> Draft {
    Draft::new()
        .token(Form::DIGITS)
        .text(" prtip probe")
        .contact(", contact ", contact)
        .repeats("the digits, bytes 0–15", Echo::At(0, Form::DIGITS))
}
