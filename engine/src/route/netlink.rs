//! Questions to the kernel over rtnetlink, one after the other: no runtime, no
//! subscriptions.

use std::io;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

/// A connection to rtnetlink in the network namespace of the thread that opened it.
pub(crate) struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens the connection.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Asks for one object; the kernel answers with it or with an error.
    pub(crate) fn get(&mut self, question: RouteNetlinkMessage) -> io::Result<RouteNetlinkMessage> {
        let mut only = None;
        self.ask(question, NLM_F_REQUEST, |answer| only = Some(answer))?;
        only.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Asks for all objects of a kind.
    pub(crate) fn list(
        &mut self,
        question: RouteNetlinkMessage,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut answers = Vec::new();
        self.each(question, |answer| answers.push(answer))?;
        Ok(answers)
    }

    /// Hands all objects of a kind to `sink`, one after the other.
    pub(crate) fn each(
        &mut self,
        question: RouteNetlinkMessage,
        sink: impl FnMut(RouteNetlinkMessage),
    ) -> io::Result<()> {
        self.ask(question, NLM_F_REQUEST | NLM_F_DUMP, sink)
    }

    fn ask(
        &mut self,
        question: RouteNetlinkMessage,
        flags: u16,
        mut sink: impl FnMut(RouteNetlinkMessage),
    ) -> io::Result<()> {
        self.sequence += 1;
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(question));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;

        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            let mut rest = datagram.as_slice();
            while !rest.is_empty() {
                let message: NetlinkMessage<RouteNetlinkMessage> =
                    NetlinkMessage::deserialize(rest).map_err(io::Error::other)?;
                // Messages are padded to four bytes, the last one perhaps not.
                let len = (message.header.length as usize).next_multiple_of(4).min(rest.len());
                rest = &rest[len.max(4).min(rest.len())..];
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => {
                        sink(answer);
                        if flags & NLM_F_DUMP == 0 {
                            return Ok(());
                        }
                    }
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => {
                        return match error.code {
                            Some(_) => Err(error.to_io()),
                            None => Ok(()),
                        };
                    }
                    _ => {}
                }
            }
        }
    }
}
