/**
 * The usage figure, the service that serves it, the event ledger, and the ports that adapters implement. Depends on the JDK,
 * slf4j-api and the JSpecify annotations only.
 */
@org.jspecify.annotations.NullMarked
module io.usagekit {
    requires org.slf4j;
    requires static transitive org.jspecify;

    exports io.usagekit;
    exports io.usagekit.events;
    exports io.usagekit.events.spi;
    exports io.usagekit.format;
    exports io.usagekit.reports;
}
