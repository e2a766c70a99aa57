//! What an inquiry needs of TLS: bytes in, bytes out, no sockets.

use crate::plan::Target;

/// One side of a TLS connection, ours.
pub trait Tunnel: Send {
    /// Takes what the server sent.
    fn take(&mut self, bytes: &[u8]);
    /// The server has ended the connection.
    fn hung_up(&mut self);
    /// What is to be sent to the server now; nothing where it is empty.
    fn outgoing(&mut self) -> Vec<u8>;
    /// Puts something in, to be sent inside.
    fn say(&mut self, bytes: &[u8]);
    /// Appends what came inside.
    fn heard(&mut self, answer: &mut Vec<u8>);
    /// How far it has come.
    fn stage(&self) -> Stage;
    /// The same as an older client does it, for a new connection, where this one failed in
    /// a way that it may be spared.
    fn older(&self) -> Option<Box<dyn Tunnel>>;
    /// What was agreed on; `None` where it has not come so far.
    fn session(&self) -> Option<Session>;
}

/// What a handshake told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// `TLSv1.3` and so on.
    pub version: Option<String>,
    /// The cipher suite by its registered name.
    pub cipher: Option<String>,
    /// The server's certificates in DER, as sent.
    pub chain: Vec<Vec<u8>>,
    /// The name that the server was asked by.
    pub server_name: Option<String>,
}

/// How far a TLS connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The handshake goes on.
    Handshaking,
    /// It stands.
    Open,
    /// All that can be seen from outside was seen: certificates of an older version.
    Shown,
    /// It cannot stand, but what the server said was TLS.
    Refused,
    /// The server does not speak TLS.
    Foreign,
}

/// Makes tunnels.
pub trait Tunnels: Send {
    /// A new one to this port.
    fn tunnel(&mut self, target: Target) -> Box<dyn Tunnel>;
    /// The name that a target was given.
    fn name(&self, target: Target) -> Option<String>;
}
