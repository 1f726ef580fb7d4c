/**
 * Redis adapters over the host's Lettuce client: cache, near cache and fleet-wide single-flight.
 *
 * <p>Lettuce is an automatic module, which requires nothing. Netty's modules, which it can't run without, are therefore required here;
 * they require the others. What Lettuce uses only where it is present (native transports, say) is the host's to require.
 */
@org.jspecify.annotations.NullMarked
module io.usagekit.redis {
    requires transitive io.usagekit;
    requires transitive lettuce.core;
    requires io.netty.buffer;
    requires io.netty.common;
    requires io.netty.handler;
    requires io.netty.resolver.dns;
    requires io.netty.transport;
    requires com.github.benmanes.caffeine;
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports io.usagekit.redis;
}
