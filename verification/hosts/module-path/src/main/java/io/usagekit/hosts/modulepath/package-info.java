/** A host on the module path. */
@NullMarked
package io.usagekit.hosts.modulepath;

import org.jspecify.annotations.NullMarked;
