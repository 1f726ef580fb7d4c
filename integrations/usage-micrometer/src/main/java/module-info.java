/**
 * Meters of the service, roll-ups and partitions, and observations of computations, for the host's Micrometer registry. The adapters of
 * PostgreSQL and ClickHouse are optional: what uses one is in types of its own.
 */
@org.jspecify.annotations.NullMarked
module io.usagekit.micrometer {
    requires transitive io.usagekit;
    requires static transitive io.usagekit.postgres;
    requires static transitive io.usagekit.clickhouse;
    requires transitive micrometer.core;
    requires micrometer.commons;
    requires transitive micrometer.observation;
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports io.usagekit.micrometer;
}
