/**
 * For the tests of adapters and of hosts: in-memory adapters, a manual clock, the contract suites (JUnit), and real servers.
 * The servers' libraries are optional: a host that starts none needs none.
 */
@org.jspecify.annotations.NullMarked
module io.usagekit.testkit {
    requires transitive io.usagekit;
    requires static transitive org.jspecify;
    requires static org.junit.jupiter.api;
    requires static org.slf4j;
    requires static java.sql;
    requires static embedded.postgres;
    requires static embedded.redis;
    requires static org.postgresql.jdbc;
    requires static testcontainers;
    requires static testcontainers.postgresql;

    exports io.usagekit.testkit;
    exports io.usagekit.testkit.contract;
    exports io.usagekit.testkit.servers;
}
