//! What is going on with each host: connections that are open, and ports that said nothing.

use std::collections::HashMap;
use std::net::IpAddr;

use super::limits::{HOST_CONNECTIONS, HOST_SILENT, HOSTS};

#[derive(Clone, Copy, Debug, Default)]
struct Host {
    open: u32,
    silent: u32,
}

/// The hosts that matter now.
#[derive(Debug, Default)]
pub(super) struct Hosts(HashMap<IpAddr, Host>);

impl Hosts {
    /// Whether one more connection may be opened. An inquiry that `begins` leaves some to
    /// those that have begun.
    pub(super) fn may_open(&self, addr: IpAddr, begins: bool) -> bool {
        let most = if begins { HOST_CONNECTIONS / 2 } else { HOST_CONNECTIONS };
        self.0.get(&addr).is_none_or(|host| host.open < most)
    }

    pub(super) fn opened(&mut self, addr: IpAddr) {
        self.0.entry(addr).or_default().open += 1;
    }

    pub(super) fn closed(&mut self, addr: IpAddr) {
        if let Some(host) = self.0.get_mut(&addr) {
            host.open = host.open.saturating_sub(1);
            if host.open == 0 && host.silent == 0 {
                self.0.remove(&addr);
            }
        }
    }

    /// An inquiry has ended; `silent`: the port said nothing to anything.
    pub(super) fn ended(&mut self, addr: IpAddr, silent: bool) {
        if silent {
            self.0.entry(addr).or_default().silent += 1;
            if self.0.len() > HOSTS {
                self.0.retain(|_, host| host.open > 0);
            }
        } else if let Some(host) = self.0.get_mut(&addr) {
            // A host that answers somewhere is asked in full.
            host.silent = 0;
        }
    }

    /// Whether the host is taken for a tarpit.
    pub(super) fn is_mute(&self, addr: IpAddr) -> bool {
        self.0.get(&addr).is_some_and(|host| host.silent >= HOST_SILENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_so_many_connections_and_no_more() {
        let (addr, mut hosts) = (IpAddr::from([198, 18, 0, 1]), Hosts::default());
        for opened in 0..HOST_CONNECTIONS {
            assert_eq!(hosts.may_open(addr, true), opened < HOST_CONNECTIONS / 2);
            assert!(hosts.may_open(addr, false));
            hosts.opened(addr);
        }
        assert!(!hosts.may_open(addr, false));
        assert!(hosts.may_open(IpAddr::from([198, 18, 0, 2]), true));
        (0..HOST_CONNECTIONS).for_each(|_| hosts.closed(addr));
        assert!(hosts.0.is_empty(), "hosts without connections are forgotten");
    }

    #[test]
    fn a_host_that_says_nothing_is_mute_until_it_speaks() {
        let (addr, mut hosts) = (IpAddr::from([198, 18, 0, 1]), Hosts::default());
        for _ in 0..HOST_SILENT {
            assert!(!hosts.is_mute(addr));
            hosts.ended(addr, true);
        }
        assert!(hosts.is_mute(addr));
        hosts.ended(addr, false);
        assert!(!hosts.is_mute(addr));
    }

    #[test]
    fn memory_of_silent_hosts_is_bounded() {
        let mut hosts = Hosts::default();
        for number in 0..HOSTS as u32 + 100 {
            hosts.ended(IpAddr::from(number.to_be_bytes()), true);
        }
        assert!(hosts.0.len() <= HOSTS);
    }
}
