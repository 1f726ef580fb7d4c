package io.usagekit.cli;

import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine;

/** The commands that do something, by their names after {@code usage}. */
public final class CommandTree {

    private CommandTree() {}

    public static Map<String, CommandLine> leaves() {
        Map<String, CommandLine> leaves = new TreeMap<>();
        UsageCommand.commandLine().getSubcommands().forEach((name, command) -> add(name, command, leaves));
        return leaves;
    }

    private static void add(String name, CommandLine command, Map<String, CommandLine> leaves) {
        if (command.getSubcommands().isEmpty()) {
            leaves.put(name, command);
        }
        command.getSubcommands().forEach((part, subcommand) -> add(name + " " + part, subcommand, leaves));
    }
}
