/** A host that is a named module. It requires what it uses, and nothing that only Lettuce or pgjdbc use. */
@org.jspecify.annotations.NullMarked
module io.usagekit.hosts.modulepath {
    requires io.usagekit.clickhouse;
    requires io.usagekit.postgres;
    requires io.usagekit.redis;
    requires com.zaxxer.hikari;
    requires static org.jspecify;
}
