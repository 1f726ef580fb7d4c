/** The usage calculator and the event ledger on PostgreSQL, by plain JDBC over the host's {@link javax.sql.DataSource}. */
@org.jspecify.annotations.NullMarked
module io.usagekit.postgres {
    requires transitive io.usagekit;
    requires transitive java.sql;
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports io.usagekit.postgres;
    exports io.usagekit.postgres.events;
    exports io.usagekit.postgres.partitions;
    exports io.usagekit.postgres.rollups;
    exports io.usagekit.postgres.rollups.spi;
    exports io.usagekit.postgres.rows;
}
