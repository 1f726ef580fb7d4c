package io.usagekit.cli.support;

import java.util.Objects;
import picocli.CommandLine.IVersionProvider;

/** The version in the manifest of the jar that the command line is run from. */
public final class Version implements IVersionProvider {

    @Override
    public String[] getVersion() {
        String version = Version.class.getPackage().getImplementationVersion();
        return new String[] {"usage " + Objects.requireNonNullElse(version, "(not packaged)")};
    }
}
