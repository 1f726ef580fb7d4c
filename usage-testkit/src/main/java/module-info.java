/**
 * Test kit for hosts and adapters: in-memory implementations of the ports, a manual clock, assertions (AssertJ), a TCP proxy that fails on
 * demand, and the contract suites (JUnit).
 */
@org.jspecify.annotations.NullMarked
module io.usagekit.testkit {
    requires transitive io.usagekit;
    requires static transitive org.assertj.core;
    requires static transitive org.jspecify;
    requires static transitive org.junit.jupiter.api;

    exports io.usagekit.testkit;
    exports io.usagekit.testkit.contract;
    exports io.usagekit.testkit.contract.deliveries;
    exports io.usagekit.testkit.contract.events;
}
