/*
 * What Rust sees of DPDK: the public headers, functions that DPDK has only as inline code, and
 * what it has only as macros or inside structures that differ between releases.
 */
#ifndef UCP_SHIM_H
#define UCP_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_eth_ring.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <rte_version.h>

/* Where the mbuf keeps the fields that Rust reads in line. */
static const size_t UCP_MBUF_BUF_ADDR = offsetof(struct rte_mbuf, buf_addr);
static const size_t UCP_MBUF_DATA_OFF = offsetof(struct rte_mbuf, data_off);
static const size_t UCP_MBUF_NB_SEGS = offsetof(struct rte_mbuf, nb_segs);
static const size_t UCP_MBUF_OL_FLAGS = offsetof(struct rte_mbuf, ol_flags);
static const size_t UCP_MBUF_TX_OFFLOAD = offsetof(struct rte_mbuf, tx_offload);
static const size_t UCP_MBUF_PKT_LEN = offsetof(struct rte_mbuf, pkt_len);
static const size_t UCP_MBUF_DATA_LEN = offsetof(struct rte_mbuf, data_len);
static const size_t UCP_MBUF_BUF_LEN = offsetof(struct rte_mbuf, buf_len);

static const uint64_t UCP_RX_IP_CKSUM_MASK = RTE_MBUF_F_RX_IP_CKSUM_MASK;
static const uint64_t UCP_RX_IP_CKSUM_BAD = RTE_MBUF_F_RX_IP_CKSUM_BAD;
static const uint64_t UCP_RX_IP_CKSUM_GOOD = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
static const uint64_t UCP_RX_IP_CKSUM_NONE = RTE_MBUF_F_RX_IP_CKSUM_NONE;
static const uint64_t UCP_RX_L4_CKSUM_MASK = RTE_MBUF_F_RX_L4_CKSUM_MASK;
static const uint64_t UCP_RX_L4_CKSUM_BAD = RTE_MBUF_F_RX_L4_CKSUM_BAD;
static const uint64_t UCP_RX_L4_CKSUM_GOOD = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
static const uint64_t UCP_RX_L4_CKSUM_NONE = RTE_MBUF_F_RX_L4_CKSUM_NONE;

static const uint64_t UCP_TX_OFFLOAD_MASK = RTE_MBUF_F_TX_OFFLOAD_MASK;
static const uint64_t UCP_TX_IPV4 = RTE_MBUF_F_TX_IPV4;
static const uint64_t UCP_TX_IPV6 = RTE_MBUF_F_TX_IPV6;
static const uint64_t UCP_TX_IP_CKSUM = RTE_MBUF_F_TX_IP_CKSUM;
static const uint64_t UCP_TX_UDP_CKSUM = RTE_MBUF_F_TX_UDP_CKSUM;
static const uint64_t UCP_TX_TCP_CKSUM = RTE_MBUF_F_TX_TCP_CKSUM;
static const unsigned int UCP_TX_L2_LEN_SHIFT = RTE_MBUF_L2_LEN_OFS;
static const unsigned int UCP_TX_L3_LEN_SHIFT = RTE_MBUF_L3_LEN_OFS;
static const unsigned int UCP_TX_L4_LEN_SHIFT = RTE_MBUF_L4_LEN_OFS;

static const uint16_t UCP_PKTMBUF_HEADROOM = RTE_PKTMBUF_HEADROOM;
static const uint32_t UCP_MEMPOOL_CACHE_MAX = RTE_MEMPOOL_CACHE_MAX_SIZE;
static const uint32_t UCP_LCORE_MAX = RTE_MAX_LCORE;
static const int UCP_SOCKET_ID_ANY = SOCKET_ID_ANY;
static const unsigned int UCP_RING_SP_SC = RING_F_SP_ENQ | RING_F_SC_DEQ;

static const uint64_t UCP_RX_OFFLOAD_CKSUM = RTE_ETH_RX_OFFLOAD_CHECKSUM;
static const uint64_t UCP_TX_OFFLOAD_IPV4_CKSUM = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
static const uint64_t UCP_TX_OFFLOAD_UDP_CKSUM = RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
static const uint64_t UCP_TX_OFFLOAD_TCP_CKSUM = RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
static const uint64_t UCP_RSS_L3_L4 = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP;

/* What a port can do: the part of struct rte_eth_dev_info that we ask for. */
struct ucp_port_caps {
	uint64_t rx_offloads;
	uint64_t tx_offloads;
	uint64_t rss_types;
	uint16_t rx_queues_max;
	uint16_t tx_queues_max;
	uint16_t mtu_min;
	uint16_t mtu_max;
	uint8_t rss_key_len;
};

/* What a port is asked to do: the part of struct rte_eth_conf that we set. */
struct ucp_port_conf {
	uint64_t rx_offloads;
	uint64_t tx_offloads;
	uint64_t rss_types; /* 0: no RSS */
	uint8_t *rss_key;
	uint8_t rss_key_len;
	uint16_t rx_queues;
	uint16_t tx_queues;
	uint16_t mtu;
};

struct ucp_queue_stats {
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t rx_errors;
	uint64_t tx_packets;
	uint64_t tx_bytes;
};

struct ucp_port_stats {
	uint64_t rx_packets;
	uint64_t tx_packets;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	uint64_t rx_missed;
	uint64_t rx_errors;
	uint64_t tx_errors;
	uint64_t rx_no_mbuf;
	/* Zero where the driver does not count by queue. */
	struct ucp_queue_stats queues[RTE_ETHDEV_QUEUE_STAT_CNTRS];
};

struct ucp_link {
	uint32_t speed_mbps;
	bool full_duplex;
	bool up;
};

int ucp_errno(void);

uint16_t ucp_eth_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count);
uint16_t ucp_eth_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count);
int ucp_eth_rx_queue_count(uint16_t port, uint16_t queue);
int ucp_eth_caps(uint16_t port, struct ucp_port_caps *caps);
int ucp_eth_configure(uint16_t port, const struct ucp_port_conf *conf);
int ucp_eth_mac(uint16_t port, uint8_t mac[6]);
int ucp_eth_stats(uint16_t port, struct ucp_port_stats *stats);
int ucp_eth_link(uint16_t port, struct ucp_link *link);

struct rte_mbuf *ucp_pktmbuf_alloc(struct rte_mempool *pool);
void ucp_pktmbuf_free(struct rte_mbuf *frame);
void ucp_pktmbuf_free_rest(struct rte_mbuf *frame);

uint32_t ucp_mempool_size(const struct rte_mempool *pool);

#endif
