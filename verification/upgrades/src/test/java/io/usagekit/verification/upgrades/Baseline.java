package io.usagekit.verification.upgrades;

import io.usagekit.verification.upgrades.deployed.Deployment;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Loads a version of the library apart from the one on the class path: its classes and resources come from its own jars, drivers and
 * the types of this package from the class path.
 */
final class Baseline extends URLClassLoader {

    /** The commit of the previous version; its jars are in {@code baseline}. */
    static final String COMMIT = "e22c11f";

    private static final String LIBRARY = "io.usagekit.";
    private static final String SHARED = "io.usagekit.verification.";
    private static final String DEPLOYED = "io.usagekit.verification.upgrades.deployed.";

    /** Maven runs tests in the module's directory, other runners in the project's. */
    private static final List<Path> DIRECTORIES =
            List.of(Path.of("baseline", COMMIT), Path.of("verification", "upgrades", "baseline", COMMIT));

    static {
        registerAsParallelCapable();
    }

    private final Map<String, UnaryOperator<String>> changes;

    private Baseline(List<URL> jars, Map<String, UnaryOperator<String>> changes) {
        super(jars.toArray(URL[]::new), Baseline.class.getClassLoader());
        this.changes = changes;
    }

    /** The version on the class path. */
    static Release present() {
        return new Deployment("present");
    }

    /** The previous version. */
    static Release previous() {
        return deployment("previous", Map.of());
    }

    /**
     * The previous version with other resources: a version that reads and writes stored forms wrongly.
     *
     * @param resource its path below {@code io/usagekit}
     * @throws IllegalArgumentException when it is loaded, if the change leaves the resource as it is
     */
    static Release changed(String resource, String before, String after) {
        return deployment("changed", Map.of("io/usagekit/" + resource, text -> {
            if (!text.contains(before)) {
                throw new IllegalArgumentException(resource + " must contain \"" + before + "\" to be changed");
            }
            return text.replace(before, after);
        }));
    }

    @SuppressWarnings("resource") // the version's classes are loaded as they are used, until the JVM ends
    private static Release deployment(String name, Map<String, UnaryOperator<String>> changes) {
        try {
            return (Release) new Baseline(jars(), changes)
                    .loadClass(Deployment.class.getName())
                    .getConstructor(String.class)
                    .newInstance(name);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("the version of commit " + COMMIT + " can't be loaded", e);
        }
    }

    private static List<URL> jars() {
        Path directory = DIRECTORIES.stream()
                .filter(Files::isDirectory)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no directory of these is there: " + DIRECTORIES));
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.toString().endsWith(".jar"))
                    .sorted()
                    .map(Baseline::url)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static URL url(Path file) {
        try {
            return file.toUri().toURL();
        } catch (MalformedURLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        boolean isOwn = name.startsWith(LIBRARY) && (name.startsWith(DEPLOYED) || !name.startsWith(SHARED));
        if (!isOwn) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            if (loaded != null) {
                return loaded;
            }
            return name.startsWith(DEPLOYED) ? define(name) : findClass(name);
        }
    }

    /** Defines a class of this module once more, so that it uses the library that this loader has. */
    private Class<?> define(String name) throws ClassNotFoundException {
        try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            byte[] code = in.readAllBytes();
            return defineClass(name, code, 0, code.length);
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }

    /** The library's own resources come from its jars alone: SQL and Lua of another version would go unnoticed. */
    @Override
    public @Nullable URL getResource(String name) {
        return name.startsWith("io/usagekit/") ? findResource(name) : super.getResource(name);
    }

    @Override
    public @Nullable InputStream getResourceAsStream(String name) {
        InputStream in = super.getResourceAsStream(name);
        UnaryOperator<String> change = changes.get(name);
        if (in == null || change == null) {
            return in;
        }
        try (in) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            return new ByteArrayInputStream(change.apply(text).getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
