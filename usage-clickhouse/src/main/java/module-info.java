/** Sums of roll-ups on a ClickHouse cluster, by plain JDBC over the host's {@link javax.sql.DataSource}. */
@org.jspecify.annotations.NullMarked
module io.usagekit.clickhouse {
    requires transitive io.usagekit.postgres;
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports io.usagekit.clickhouse;
}
