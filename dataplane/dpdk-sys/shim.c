/* DPDK's inline functions out of line, and its structures as those of shim.h. No logic. */
#include "shim.h"

#include <string.h>

int ucp_errno(void)
{
	return rte_errno;
}

uint16_t ucp_eth_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count)
{
	return rte_eth_rx_burst(port, queue, frames, count);
}

uint16_t ucp_eth_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count)
{
	return rte_eth_tx_burst(port, queue, frames, count);
}

int ucp_eth_rx_queue_count(uint16_t port, uint16_t queue)
{
	return rte_eth_rx_queue_count(port, queue);
}

int ucp_eth_caps(uint16_t port, struct ucp_port_caps *caps)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(port, &info);

	if (rc != 0)
		return rc;
	caps->rx_offloads = info.rx_offload_capa;
	caps->tx_offloads = info.tx_offload_capa;
	caps->rss_types = info.flow_type_rss_offloads;
	caps->rx_queues_max = info.max_rx_queues;
	caps->tx_queues_max = info.max_tx_queues;
	caps->mtu_min = info.min_mtu;
	caps->mtu_max = info.max_mtu;
	caps->rss_key_len = info.hash_key_size;
	return 0;
}

int ucp_eth_configure(uint16_t port, const struct ucp_port_conf *conf)
{
	struct rte_eth_conf eth;

	memset(&eth, 0, sizeof(eth));
	eth.rxmode.mtu = conf->mtu;
	eth.rxmode.offloads = conf->rx_offloads;
	eth.txmode.offloads = conf->tx_offloads;
	if (conf->rss_types != 0) {
		eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		eth.rx_adv_conf.rss_conf.rss_hf = conf->rss_types;
		eth.rx_adv_conf.rss_conf.rss_key = conf->rss_key;
		eth.rx_adv_conf.rss_conf.rss_key_len = conf->rss_key_len;
	}
	return rte_eth_dev_configure(port, conf->rx_queues, conf->tx_queues, &eth);
}

int ucp_eth_mac(uint16_t port, uint8_t mac[6])
{
	struct rte_ether_addr addr;
	int rc = rte_eth_macaddr_get(port, &addr);

	if (rc == 0)
		memcpy(mac, addr.addr_bytes, sizeof(addr.addr_bytes));
	return rc;
}

int ucp_eth_stats(uint16_t port, struct ucp_port_stats *stats)
{
	struct rte_eth_stats now;
	int rc = rte_eth_stats_get(port, &now);

	if (rc != 0)
		return rc;
	stats->rx_packets = now.ipackets;
	stats->tx_packets = now.opackets;
	stats->rx_bytes = now.ibytes;
	stats->tx_bytes = now.obytes;
	stats->rx_missed = now.imissed;
	stats->rx_errors = now.ierrors;
	stats->tx_errors = now.oerrors;
	stats->rx_no_mbuf = now.rx_nombuf;
	for (unsigned int i = 0; i < RTE_ETHDEV_QUEUE_STAT_CNTRS; i++) {
		stats->queues[i].rx_packets = now.q_ipackets[i];
		stats->queues[i].rx_bytes = now.q_ibytes[i];
		stats->queues[i].rx_errors = now.q_errors[i];
		stats->queues[i].tx_packets = now.q_opackets[i];
		stats->queues[i].tx_bytes = now.q_obytes[i];
	}
	return 0;
}

int ucp_eth_link(uint16_t port, struct ucp_link *link)
{
	struct rte_eth_link now;
	int rc = rte_eth_link_get_nowait(port, &now);

	if (rc < 0)
		return rc;
	link->speed_mbps = now.link_speed;
	link->full_duplex = now.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	link->up = now.link_status == RTE_ETH_LINK_UP;
	return 0;
}

struct rte_mbuf *ucp_pktmbuf_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

void ucp_pktmbuf_free(struct rte_mbuf *frame)
{
	rte_pktmbuf_free(frame);
}

/* Frees every segment after the first. */
void ucp_pktmbuf_free_rest(struct rte_mbuf *frame)
{
	struct rte_mbuf *rest = frame->next;

	frame->next = NULL;
	frame->nb_segs = 1;
	frame->pkt_len = frame->data_len;
	rte_pktmbuf_free(rest);
}

uint32_t ucp_mempool_size(const struct rte_mempool *pool)
{
	return pool->size;
}
