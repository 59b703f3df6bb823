// Facts about the assembly.
using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("GromaTests")]
