package io.usagekit.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/** What stops a process where it is, and what lets it go on. */
enum Signal {
    STOP,
    CONT;

    /** Returns when it has been sent to all of them; one that has ended meanwhile is none the worse for it. */
    void send(List<ProcessHandle> processes) {
        List<String> command = new ArrayList<>(List.of("kill", "-" + name()));
        processes.forEach(process -> command.add(Long.toString(process.pid())));
        try {
            int exit = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .onExit()
                    .join()
                    .exitValue();
            if (exit != 0 && processes.stream().allMatch(ProcessHandle::isAlive)) {
                throw new IllegalStateException(String.join(" ", command) + " failed: exit status " + exit);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
