//! Message brokers and work queues.

use std::process::Command;

use anyhow::Result;

use super::enclosure::Inside;
use super::{Endpoint, Server};

pub(super) static SERVERS: &[Server] = &[
    Server {
        name: "mosquitto",
        packages: &["mosquitto"],
        users: &["mosquitto"],
        host: 40,
        endpoints: &[Endpoint::tcp(1883, "mqtt").product("Mosquitto").version_of("mosquitto")],
        command: mosquitto,
    },
    Server {
        name: "beanstalkd",
        packages: &["beanstalkd"],
        users: &["beanstalkd"],
        host: 41,
        endpoints: &[Endpoint::tcp(11300, "beanstalk")
            .v4_only()
            .product("Beanstalk")
            .version_of("beanstalkd")],
        command: beanstalkd,
    },
    Server {
        name: "nats",
        packages: &["nats-server"],
        users: &[],
        host: 42,
        endpoints: &[Endpoint::tcp(4222, "nats")
            .v4_only()
            .product("NATS")
            .version_of("nats-server")],
        command: nats,
    },
    Server {
        name: "gearman",
        packages: &["gearman-job-server"],
        users: &[],
        host: 44,
        endpoints: &[Endpoint::tcp(4730, "gearman")
            .v4_only()
            .product("Gearman")
            .version_of("gearman-job-server")],
        command: gearman,
    },
];

fn mosquitto(inside: &Inside) -> Result<Command> {
    let (v4, v6, port) = (inside.v4(), inside.v6(), inside.port(0));
    inside.write(
        "/srv/mosquitto.conf",
        &format!("allow_anonymous true\nlistener {port} {v4}\nlistener {port} {v6}\n"),
    )?;
    let mut command = Command::new("/usr/sbin/mosquitto");
    command.args(["-c", "/srv/mosquitto.conf"]);
    Ok(command)
}

fn beanstalkd(inside: &Inside) -> Result<Command> {
    let mut command = inside.command_as("beanstalkd", "/usr/bin/beanstalkd");
    command.arg("-l").arg(inside.v4().to_string()).arg("-p").arg(inside.port(0).to_string());
    Ok(command)
}

fn nats(inside: &Inside) -> Result<Command> {
    let mut command = Command::new("/usr/sbin/nats-server");
    command.arg("-a").arg(inside.v4().to_string()).arg("-p").arg(inside.port(0).to_string());
    Ok(command)
}

fn gearman(inside: &Inside) -> Result<Command> {
    let (ip, port) = (inside.v4().to_string(), inside.port(0).to_string());
    let mut command = Command::new("/usr/sbin/gearmand");
    command.args(["-L", &ip, "-p", &port, "-u", "nobody", "-l", "stderr", "-t", "1"]);
    Ok(command)
}
