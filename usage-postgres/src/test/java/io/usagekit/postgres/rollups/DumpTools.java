package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * PostgreSQL's own {@code pg_dump} and {@code pg_restore} on this machine, on a server without a password.
 *
 * @param directory where they are
 * @param version of PostgreSQL that they belong to: they read servers up to this one
 * @param port of the server
 */
record DumpTools(Path directory, int version, int port) {

    private static final Pattern VERSION = Pattern.compile("\\) (\\d+)");

    /** Returns the newest tools of this machine, if there are any. */
    static Optional<DumpTools> find(int port) {
        List<Path> directories = new ArrayList<>(
                Stream.of(System.getenv("PATH").split(":")).map(Path::of).toList());
        try (Stream<Path> versions = Files.list(Path.of("/usr/lib/postgresql"))) {
            versions.map(version -> version.resolve("bin")).forEach(directories::add);
        } catch (IOException e) {
            System.out.println("no PostgreSQL of the system's packages: " + e.getMessage());
        }
        return directories.stream()
                .filter(directory -> Files.isExecutable(directory.resolve("pg_dump"))
                        && Files.isExecutable(directory.resolve("pg_restore")))
                .flatMap(directory -> versionOf(directory).stream().map(v -> new DumpTools(directory, v, port)))
                .max(Comparator.comparingInt(DumpTools::version));
    }

    private static Optional<Integer> versionOf(Path directory) {
        Matcher matcher =
                VERSION.matcher(run(List.of(directory.resolve("pg_dump").toString(), "--version"))
                        .output());
        return matcher.find() ? Optional.of(Integer.parseInt(matcher.group(1))) : Optional.empty();
    }

    private record Ended(int status, String output) {}

    private static Ended run(List<String> command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
            return new Ended(process.exitValue(), output);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private List<String> command(String tool, String database, String... options) {
        List<String> command = new ArrayList<>(List.of(
                directory.resolve(tool).toString(), "--host=localhost", "--port=" + port, "--username=postgres"));
        command.add("--dbname=" + database);
        command.addAll(List.of(options));
        return command;
    }

    /** Dumps a database in the custom format. */
    Path dump(String database, Path file, String... options) {
        List<String> command = command("pg_dump", database, options);
        command.addAll(List.of("--format=custom", "--file=" + file));
        Ended ended = run(command);
        assertThat(ended.status()).as(ended.output()).isZero();
        return file;
    }

    /** Restores a dump into a database; returns the errors that the tool ignored, which are many where it drops and creates. */
    String restore(String database, Path file, String... options) {
        List<String> command = command("pg_restore", database, options);
        command.add(file.toString());
        return run(command).output();
    }
}
