package io.usagekit.jackson;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsagePeriod;
import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.net.MalformedURLException;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;

/** A host has one version of Jackson; the other one is absent. */
class OneVersionTest {

    private static final String JACKSON_2 = "com.fasterxml.jackson.databind";
    private static final String JACKSON_3 = "tools.jackson.databind";

    @Test
    void jackson2AloneOnTheClassPath() throws ReflectiveOperationException {
        ClassLoader host = classPath(path2());
        Class<?> mapperType = host.loadClass(JACKSON_2 + ".ObjectMapper");
        Object mapper = mapperType.getConstructor().newInstance();
        Object modules = mapperType.getMethod("findModules", ClassLoader.class).invoke(null, host);
        mapperType.getMethod("registerModules", Iterable.class).invoke(mapper, modules);

        assertPrintsMarch(host, mapperType, mapper);
        assertAbsent(host, JACKSON_3);
    }

    @Test
    void jackson3AloneOnTheClassPath() throws ReflectiveOperationException {
        ClassLoader host = classPath(path3());
        Class<?> builderType = host.loadClass(JACKSON_3 + ".cfg.MapperBuilder");
        Object builder = builder3(host);
        builderType.getMethod("findAndAddModules", ClassLoader.class).invoke(builder, host);

        assertPrintsMarch(
                host,
                host.loadClass(JACKSON_3 + ".ObjectMapper"),
                builderType.getMethod("build").invoke(builder));
        assertAbsent(host, JACKSON_2);
    }

    @Test
    void jackson2AloneOnTheModulePath() throws ReflectiveOperationException {
        ClassLoader host = modulePath(JACKSON_2, path2());
        Class<?> mapperType = host.loadClass(JACKSON_2 + ".ObjectMapper");
        Object mapper = mapperType.getConstructor().newInstance();
        Object module = host.loadClass(Jackson2UsageModule.class.getName())
                .getConstructor()
                .newInstance();
        mapperType
                .getMethod("registerModule", host.loadClass(JACKSON_2 + ".Module"))
                .invoke(mapper, module);

        assertPrintsMarch(host, mapperType, mapper);
        assertAbsent(host, JACKSON_3);
    }

    @Test
    void jackson3AloneOnTheModulePath() throws ReflectiveOperationException {
        ClassLoader host = modulePath(JACKSON_3, path3());
        Class<?> builderType = host.loadClass(JACKSON_3 + ".cfg.MapperBuilder");
        Object builder = builder3(host);
        Object module = host.loadClass(Jackson3UsageModule.class.getName())
                .getConstructor()
                .newInstance();
        builderType
                .getMethod("addModule", host.loadClass(JACKSON_3 + ".JacksonModule"))
                .invoke(builder, module);

        assertPrintsMarch(
                host,
                host.loadClass(JACKSON_3 + ".ObjectMapper"),
                builderType.getMethod("build").invoke(builder));
        assertAbsent(host, JACKSON_2);
    }

    private static Object builder3(ClassLoader host) throws ReflectiveOperationException {
        return host.loadClass(JACKSON_3 + ".json.JsonMapper")
                .getMethod("builder")
                .invoke(null);
    }

    private static void assertPrintsMarch(ClassLoader host, Class<?> mapperType, Object mapper)
            throws ReflectiveOperationException {
        Object march = host.loadClass("io.usagekit.UsagePeriod")
                .getMethod("parse", String.class)
                .invoke(null, "2026-03");

        assertThat(mapperType.getMethod("writeValueAsString", Object.class).invoke(mapper, march))
                .isEqualTo("\"2026-03\"");
    }

    private static void assertAbsent(ClassLoader host, String jackson) {
        assertThatThrownBy(() -> host.loadClass(jackson + ".ObjectMapper")).isInstanceOf(ClassNotFoundException.class);
    }

    private static List<Path> path2() throws ClassNotFoundException {
        return path(com.fasterxml.jackson.databind.ObjectMapper.class, com.fasterxml.jackson.core.JsonParser.class);
    }

    private static List<Path> path3() throws ClassNotFoundException {
        return path(tools.jackson.databind.ObjectMapper.class, tools.jackson.core.JsonParser.class);
    }

    /** This module, core, what core needs, and these. Both versions of Jackson use the same annotations. */
    private static List<Path> path(Class<?>... jackson) throws ClassNotFoundException {
        List<Path> path = new ArrayList<>();
        path.add(location(UsagePeriod.class));
        path.add(location(Jackson2UsageModule.class));
        path.add(location(Logger.class));
        path.add(location(Class.forName("com.fasterxml.jackson.annotation.JsonProperty")));
        for (Class<?> type : jackson) {
            path.add(location(type));
        }
        return path;
    }

    private static ClassLoader classPath(List<Path> path) {
        return new URLClassLoader(
                path.stream().map(OneVersionTest::url).toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
    }

    private static ClassLoader modulePath(String jackson, List<Path> path) {
        Configuration configuration = ModuleLayer.boot()
                .configuration()
                .resolve(
                        ModuleFinder.of(path.toArray(Path[]::new)),
                        ModuleFinder.of(),
                        Set.of("io.usagekit.jackson", jackson));
        return ModuleLayer.boot()
                .defineModulesWithOneLoader(configuration, ClassLoader.getPlatformClassLoader())
                .findLoader("io.usagekit.jackson");
    }

    private static Path location(Class<?> type) {
        try {
            return Path.of(
                    type.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static URL url(Path path) {
        try {
            return path.toUri().toURL();
        } catch (MalformedURLException e) {
            throw new IllegalStateException(e);
        }
    }
}
