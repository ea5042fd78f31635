import Testing

@Suite struct RequestTests {
    private let programs: DriverPrograms

    init() throws {
        programs = try DriverPrograms()
    }

    @Test(
        "Sizes, values and places are those that drivers rely on",
        arguments: DriverPrograms.compilers,
        ["", "-DWSK_SELF_CONTAINED"]
    )
    func sizes(compiler: String, mode: String) throws {
        try programs.expectDone([try programs.compile("sizes.c", mode, compiler: compiler)])
    }

    @Test(
        "Events, locks, timers, threads, work items, pool, strings and layered IRPs do what the kernel's do",
        arguments: ["gcc -std=gnu11", "g++ -x c++ -std=c++17"]
    )
    func runtime(compiler: String) throws {
        try programs.expectDone([try programs.compile("runtime.c", compiler: compiler)])
    }

    @Test(
        "Ordered tables keep order and balance, one-time initialization happens once, bits and numbers are right",
        arguments: DriverPrograms.compilers + ["gcc -fsanitize=address,undefined", "gcc -fsanitize=thread"]
    )
    func tables(compiler: String) throws {
        try programs.expectDone([try programs.compile("tables.c", compiler: compiler)])
    }

    @Test(
        "Text takes other forms, in memory that is accounted for, and time is a day and an hour",
        arguments: ["gcc -std=c11", "g++ -x c++ -std=c++17", "gcc -std=gnu11 -fshort-wchar"]
    )
    func texts(compiler: String) throws {
        try programs.expectDone([try programs.compile("texts.c", compiler: compiler)], "TZ=EST3:30")
    }

    @Test(
        "Every function that takes an IRP completes it once, as it returns, at once and pending",
        arguments: ["gcc -std=gnu11", "g++ -x c++ -std=c++17"]
    )
    func sockets(compiler: String) throws {
        let program = try programs.compile("sockets.c", compiler: compiler)
        try programs.expectDone([program])
        try programs.expectDone([program], "LAMINA_WSK_FORCE=pend=100%,late=100%")
        try programs.expectDone([program], "LAMINA_WSK_FORCE=pend=50%,late=20%,seed=7")
    }

    @Test(
        "Event callbacks take data whole, in part, later or not at all, and listeners inspect",
        arguments: ["", "-fsanitize=thread"]
    )
    func events(sanitizer: String) throws {
        try programs.expectDone([try programs.compile("events.c", sanitizer)])
    }
}
