/** Redis adapters over the host's Lettuce client: cache, near cache and fleet-wide single-flight. */
@org.jspecify.annotations.NullMarked
module io.usagekit.redis {
    requires transitive io.usagekit;
    requires transitive lettuce.core;
    requires com.github.benmanes.caffeine;
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports io.usagekit.redis;
}
