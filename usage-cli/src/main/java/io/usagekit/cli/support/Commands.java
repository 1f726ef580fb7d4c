package io.usagekit.cli.support;

import io.usagekit.postgres.TableMapping;
import java.util.regex.Pattern;

/** Writes commands that an operator can copy, each with the options that name the same tables. */
public final class Commands {

    private static final Pattern PLAIN = Pattern.compile("[\\w./-]+");

    private final String options;

    private Commands(String options) {
        this.options = options;
    }

    /** Commands on the tables of a schema. */
    static Commands on(String schema) {
        return new Commands(schema.equals(TableMapping.DEFAULT_SCHEMA) ? "" : " --schema " + quote(schema));
    }

    /** The same commands with one more option. */
    Commands with(String option, String value) {
        return new Commands(options + " " + option + " " + quote(value));
    }

    /** Returns a command of this command line, in quotation marks. */
    public String command(String name) {
        return "\"usage " + name + options + "\"";
    }

    private static String quote(String argument) {
        return PLAIN.matcher(argument).matches() ? argument : "'" + argument.replace("'", "'\\''") + "'";
    }
}
