// SPDX-License-Identifier: MIT OR Apache-2.0
// A host whose TCP/IP is lwIP's, on the tap device that PRECONFIGURED_TAPIF names:
// 198.18.9.2 and 2001:2:0:9::2, TCP port 80 open. Says "ready" when it listens.
#include <stdio.h>
#include <unistd.h>

#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/tcpip.h"
#include "netif/tapif.h"

static struct netif card;

static err_t accepted(void *argument, struct tcp_pcb *connection, err_t error)
{
	return ERR_OK;
}

static void start(void *argument)
{
	ip4_addr_t address, mask, router;
	IP4_ADDR(&address, 198, 18, 9, 2);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&router, 198, 18, 9, 1);
	netif_add(&card, &address, &mask, &router, NULL, tapif_init, tcpip_input);
	// Neighbours ask by multicast; tapif knows of IGMP only.
	card.flags |= NETIF_FLAG_MLD6;
	netif_set_default(&card);
	netif_set_up(&card);
	netif_set_link_up(&card);

	ip6_addr_t address_v6;
	s8_t at = -1;
	netif_create_ip6_linklocal_address(&card, 1);
	ip6addr_aton("2001:2:0:9::2", &address_v6);
	netif_add_ip6_address(&card, &address_v6, &at);
	netif_ip6_addr_set_state(&card, at, IP6_ADDR_PREFERRED);

	struct tcp_pcb *listener = tcp_new_ip_type(IPADDR_TYPE_ANY);
	tcp_bind(listener, IP_ANY_TYPE, 80);
	tcp_accept(tcp_listen(listener), accepted);
	puts("ready");
	fflush(stdout);
}

int main(void)
{
	tcpip_init(start, NULL);
	for (;;)
		pause();
}
