package io.usagekit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** The page about the command line names the commands and the options that the command line has. */
class CommandLinePageTest {

    private static final Path PAGE = Path.of("..", "docs", "command-line.md");
    private static final Pattern ROW = Pattern.compile("(?m)^\\| `(\\w+) ?((?:\\w[\\w|\\\\-]*)?)(.*?)` \\| (.*) \\|$");
    private static final Pattern OPTION = Pattern.compile("--[a-z-]+");

    /** Differences between the page's table and the command line, one line each. */
    private static List<String> differences(String page) {
        Map<String, CommandLine> commands = UsageCommand.commandLine().getSubcommands();
        List<String> differences = new ArrayList<>();
        Set<String> rows = new TreeSet<>();
        ROW.matcher(page.replaceFirst("(?s)\n## .*", "")).results().forEach(row -> {
            String name = row.group(1);
            rows.add(name);
            CommandLine command = commands.get(name);
            if (command == null) {
                differences.add("there is no command " + name);
                return;
            }
            Map<String, CommandLine> parts = parts(name, command);
            Set<String> listed = row.group(2).isEmpty()
                    ? Set.of(name)
                    : new TreeSet<>(List.of(row.group(2).split("[\\\\]?[|]")));
            if (!parts.keySet().containsAll(listed)) {
                differences.add(name + " has " + parts.keySet() + ", not " + listed);
                return;
            }
            Set<String> unlisted = new TreeSet<>(parts.keySet());
            unlisted.removeIf(part -> listed.contains(part) || row.group(4).contains("`" + name + " " + part + "`"));
            if (!unlisted.isEmpty()) {
                differences.add(name + " also has " + unlisted);
            }
            Set<String> known = parts.values().stream()
                    .flatMap(part -> options(part).stream())
                    .collect(Collectors.toCollection(TreeSet::new));
            options(row.group(3) + row.group(4)).stream()
                    .filter(option -> !known.contains(option))
                    .forEach(option -> differences.add(name + " has no option " + option));
        });
        commands.keySet().stream()
                .filter(name -> !rows.contains(name))
                .forEach(name -> differences.add(name + " isn't listed"));
        return differences;
    }

    /** A command's subcommands by name, or the command itself. */
    private static Map<String, CommandLine> parts(String name, CommandLine command) {
        Map<String, CommandLine> parts = new LinkedHashMap<>(command.getSubcommands());
        return parts.isEmpty() ? Map.of(name, command) : parts;
    }

    private static Set<String> options(CommandLine command) {
        return command.getCommandSpec().options().stream()
                .flatMap(option -> Stream.of(option.names()))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> options(String text) {
        return OPTION.matcher(text)
                .results()
                .map(match -> match.group())
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    void thePageListsTheCommandsAndTheirOptions() throws IOException {
        assertThat(differences(Files.readString(PAGE))).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '>',
            value = {
                "`load > `import > there is no command import",
                "--redis-url > --valkey-url > get has no option --valkey-url",
                "backfill\\| > fill\\| > rollups has",
                "\\|verify > '' > rollups also has [verify]",
                "`events retain` > that > events also has [retain]",
                "| `get  > get > get isn't listed"
            })
    void aPageThatDiffersIsDetected(String from, String to, String difference) throws IOException {
        String page = Files.readString(PAGE);
        assertThat(page).contains(from);

        assertThat(differences(page.replace(from, to)))
                .anySatisfy(line -> assertThat(line).startsWith(difference));
    }
}
