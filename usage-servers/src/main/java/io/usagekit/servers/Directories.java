package io.usagekit.servers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Temporary directories of servers. */
final class Directories {

    private Directories() {}

    static void delete(Path directory) throws IOException {
        List<Path> bottomUp;
        try (Stream<Path> walk = Files.walk(directory)) {
            bottomUp = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : bottomUp) {
            Files.deleteIfExists(path);
        }
    }
}
