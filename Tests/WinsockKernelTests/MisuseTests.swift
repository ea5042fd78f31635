import Glibc
import TestSupport
import Testing

@Suite struct MisuseTests {
    private let programs: DriverPrograms
    private let program: String

    init() throws {
        programs = try DriverPrograms()
        program = try programs.compile("misuse.c")
    }

    @Test("Wrong arguments, states and sockets get their documented status, and the IRP completes with it")
    func statuses() throws {
        try programs.expectDone([program])
    }

    @Test(
        "What Windows would answer with a bug check or a deadlock ends the program with a line that says why",
        arguments: [
            ("twice", "WskGetLocalAddress: another request of the IRP is still under way"),
            ("complete", "IoCompleteRequest: a socket's request of the IRP is under way"),
            ("reuse", "IoReuseIrp: a request of the IRP is still under way"),
            ("free-owned", "IoFreeIrp: a request of the IRP is still under way (called from"),
            ("free-twice", "IoFreeIrp: the IRP was freed (called from"),
            ("pool", "ExFreePool: it was freed before (called from"),
            ("routine", "must answer STATUS_MORE_PROCESSING_REQUIRED"),
            ("wait-inside", "KeWaitForSingleObject: a wait at DISPATCH_LEVEL deadlocks"),
            ("wait-locked", "KeWaitForSingleObject: a wait at DISPATCH_LEVEL deadlocks"),
            ("spin", "KeAcquireSpinLock: this thread holds the lock already"),
            ("release", "WskRelease: this is no indication"),
            ("paged", "PAGED_CODE: the thread runs at DISPATCH_LEVEL"),
            ("register", "WskRegister: must be called at PASSIVE_LEVEL"),
            ("locked-mdl", "IoFreeMdl: its pages are still locked"),
        ]
    )
    func traps(name: String, line: String) throws {
        let ending = try programs.run([program, name])
        #expect(ending.signal == SIGABRT && ending.errors.hasPrefix("lamina: wsk: "), "\(ending.errors)")
        #expect(ending.errors.contains(line), "\(ending.errors)")
    }

    @Test("The trap for a wait holds in a child of fork")
    func fork() throws {
        #expect(try programs.run([program, "fork"]).code == 0)
    }

    @Test("Without checks wrong use isn't looked for")
    func unchecked() throws {
        let ending = try programs.run([program, "locked-mdl"], "LAMINA_WSK_CHECKS=off")
        #expect(ending.code == 3 && ending.errors.isEmpty, "\(ending.errors)")
    }
}
