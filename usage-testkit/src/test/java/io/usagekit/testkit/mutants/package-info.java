/** Tests that each contract suite reports wrong implementations of its port. */
@NullMarked
package io.usagekit.testkit.mutants;

import org.jspecify.annotations.NullMarked;
