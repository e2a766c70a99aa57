//! The flags that say how to reach the NATS server.

use std::path::PathBuf;

use clap::Args;
use prtip_fleet::server::{DEFAULT, Server};

/// How to reach the server, and as whom.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "NATS server")]
pub(crate) struct ServerArgs {
    /// The server, or several of its cluster, comma-separated; tls:// for TLS
    /// [default: NATS_URL, else nats://127.0.0.1:4222].
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    server: Vec<String>,
    /// Credentials: a JWT and its NKey, as `nsc` writes them.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nkey_file", "token_file"])]
    creds: Option<PathBuf>,
    /// File with an NKey seed.
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    nkey_file: Option<PathBuf>,
    /// File with a token: on the command line everybody on the machine would see it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Certificates of the authorities to believe (PEM); the connection must be TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Our certificate (PEM), where the server asks for one.
    #[arg(long, value_name = "FILE", requires = "cert_key")]
    cert: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "cert")]
    cert_key: Option<PathBuf>,
}

impl ServerArgs {
    /// What they name.
    pub(super) fn server(&self) -> Server {
        let urls = match &self.server[..] {
            [] => {
                let named = std::env::var("NATS_URL").ok().filter(|url| !url.is_empty());
                vec![named.unwrap_or_else(|| DEFAULT.to_owned())]
            }
            urls => urls.to_vec(),
        };
        Server {
            urls,
            creds: self.creds.clone(),
            nkey: self.nkey_file.clone(),
            token: self.token_file.clone(),
            ca: self.ca.clone(),
            certificate: self.cert.clone().zip(self.cert_key.clone()),
        }
    }
}
