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
    Server {
        name: "rabbitmq",
        packages: &[
            "rabbitmq-server",
            "erlang-base",
            "erlang-asn1",
            "erlang-crypto",
            "erlang-eldap",
            "erlang-inets",
            "erlang-mnesia",
            "erlang-os-mon",
            "erlang-parsetools",
            "erlang-public-key",
            "erlang-runtime-tools",
            "erlang-ssl",
            "erlang-syntax-tools",
            "erlang-tools",
            "erlang-xmerl",
        ],
        users: &["rabbitmq"],
        host: 45,
        endpoints: &[
            Endpoint::tcp(5672, "amqp").product("RabbitMQ").version_of("rabbitmq-server"),
            Endpoint::tcp(61613, "stomp").product("RabbitMQ STOMP"),
        ],
        command: rabbitmq,
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

/// What the package's script does is left out: it wants `su`, and a log file that it owns.
/// The node is of one host, so that names need no look-up, and of one scheduler.
fn rabbitmq(inside: &Inside) -> Result<Command> {
    let [amqp, stomp] = [0, 1].map(|index| inside.sockets(index));
    let listeners = |kind: &str, sockets: [String; 2]| {
        let [v4, v6] = sockets.map(|socket| socket.replace(['[', ']'], ""));
        format!("{kind}.1 = {v4}\n{kind}.2 = {v6}\n")
    };
    inside.write(
        "/srv/rabbitmq.conf",
        &(listeners("listeners.tcp", amqp) + &listeners("stomp.listeners.tcp", stomp)),
    )?;
    inside.write("/srv/plugins", "[rabbitmq_stomp].\n")?;
    inside.folder("/srv/rabbitmq", "rabbitmq")?;
    let mut command = inside.command_as("rabbitmq", "/usr/lib/rabbitmq/bin/rabbitmq-server");
    command
        .current_dir("/srv/rabbitmq")
        .env("HOME", "/srv/rabbitmq")
        // The shell becomes the node instead of waiting for it.
        .env("RUNNING_UNDER_SYSTEMD", "true")
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODENAME", "rabbit@localhost")
        .env("RABBITMQ_CONFIG_FILE", "/srv/rabbitmq.conf")
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", "/srv/plugins")
        .env("RABBITMQ_MNESIA_BASE", "/srv/rabbitmq")
        .env("RABBITMQ_LOG_BASE", "/srv/rabbitmq")
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 1:1 +sbwt none +sbwtdcpu none");
    Ok(command)
}
