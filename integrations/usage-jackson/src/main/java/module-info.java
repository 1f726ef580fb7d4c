/**
 * The JSON form of figures for the host's own Jackson mapper, 2.x or 3.x. Provides no services: a module that does can't be resolved
 * where the service's type is absent, and a host has one version of Jackson only. On the class path, service files name the modules.
 */
@org.jspecify.annotations.NullMarked
module io.usagekit.jackson {
    requires transitive io.usagekit;
    requires static transitive com.fasterxml.jackson.databind;
    requires static transitive tools.jackson.databind;
    requires static transitive org.jspecify;

    exports io.usagekit.jackson;
}
