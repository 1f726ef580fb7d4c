/** The command line {@code usage}: a demo with servers of its own, and the commands that load, ask and install. */
@NullMarked
package io.usagekit.examples;

import org.jspecify.annotations.NullMarked;
