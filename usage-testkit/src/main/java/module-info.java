/**
 * For the tests of adapters and of hosts: in-memory adapters, a manual clock, a link to a server that fails on demand, and the
 * contract suites (JUnit).
 */
@org.jspecify.annotations.NullMarked
module io.usagekit.testkit {
    requires transitive io.usagekit;
    requires static transitive org.jspecify;
    requires static transitive org.junit.jupiter.api;

    exports io.usagekit.testkit;
    exports io.usagekit.testkit.contract;
}
