import Glibc
import TestSupport
import Testing

@Suite struct ToolTests {
    private let programs: DriverPrograms
    private static let compiler = "\(PackageTree.root)/Sources/WinsockKernel/Tools/wsk-cc"

    init() throws {
        programs = try DriverPrograms()
    }

    /// Runs wsk-cc in the tree.
    private func compile(_ arguments: String) throws -> Child.Ending {
        try programs.shell(
            "WSK_HEADERS=\(DriverPrograms.headers) WSK_LIBRARIES=\(programs.tree.path)/lib \(Self.compiler) \(arguments)"
        )
    }

    private static let leaking = """
        #include <NtDDK.h>
        #include <WSK.H>
        #include "leak.tmh"

        static int connect(int value) { return value + 1; }
        static VOID Unload(PDRIVER_OBJECT Driver) { WPP_CLEANUP(Driver); }

        NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path) {
            UNREFERENCED_PARAMETER(Path);
            WPP_INIT_TRACING(Driver, Path);
            Driver->DriverUnload = Unload;
            if (!ExAllocatePool2(POOL_FLAG_NON_PAGED, 77, 'kaeL') || !IoAllocateIrp(1, FALSE)) {
                return STATUS_INSUFFICIENT_RESOURCES;
            }
            DbgPrint("leak: %ws %d\\n", L"loaded", connect(41));
            return STATUS_SUCCESS;
        }
        """

    @Test("wsk-cc compiles a driver as it is: headers in any case, trace files, functions called like the host's")
    func unmodified() throws {
        try programs.tree.write(Self.leaking, to: "leak.c")
        let ending = try compile("-shared -o leak.so leak.c")
        #expect(ending.code == 0 && ending.errors.isEmpty, "\(ending.errors)")
    }

    @Test("wsk-cc lists every identifier and header that isn't offered in one run")
    func missing() throws {
        try programs.tree.write(
            """
            #include <ntddk.h>
            #include <wdf.h>
            #include <ndis.h>
            WDFDEVICE Device;
            NTSTATUS First(VOID) { return NdisAllocateSomething(); }
            NTSTATUS Second(VOID) { return STATUS_OF_NOTHING; }
            """,
            to: "other.c"
        )
        let ending = try compile("-c other.c")
        #expect(ending.code == 1)
        for name in ["wdf.h", "ndis.h", "WDFDEVICE", "NdisAllocateSomething", "STATUS_OF_NOTHING"] {
            #expect(ending.errors.contains("wsk-cc: not offered: ") && ending.errors.contains(" \(name) (other.c"))
        }
    }

    @Test("wsk-cc lists a missing header where it is included, and not where it isn't")
    func conditions() throws {
        try programs.tree.write(
            """
            #include <ntddk.h>
            #ifdef NEVER
            #include <never.h>
            #endif
            #include "Shared\\Own.H"
            #include "absent.h"
            ULONG Number = OWN_NUMBER;
            """,
            to: "conditions.c"
        )
        #expect(try programs.shell("mkdir shared").code == 0)
        try programs.tree.write("#define OWN_NUMBER 7\n", to: "shared/own.h")
        let ending = try compile("-c conditions.c")
        #expect(ending.code == 0)
        #expect(ending.errors == "wsk-cc: not offered: header absent.h (conditions.c:6)\n", "\(ending.errors)")
    }

    /// Runs `lamina wsk run` on a driver until it has written `line`, and interrupts it.
    private func interrupt(_ driver: String, after line: String, _ environment: String...) throws -> Child.Ending {
        let catalog = "LAMINA_CATALOG_PATH=\(programs.tree.path)/share/lamina/catalog.d"
        let command = ["\(PackageTree.products)/lamina", "wsk", "run", driver]
        let child = try Child(command, environment: [catalog] + environment)
        try child.awaitError(line)
        kill(child.process, SIGINT)
        return child.end()
    }

    @Test("lamina wsk run calls DriverEntry and, when it is interrupted, DriverUnload")
    func run() throws {
        let driver = try programs.compile("echo_server.c", "-shared -fPIC", to: "echo_server.so")
        let ending = try interrupt(driver, after: "echo: listening")
        #expect(ending.code == 0 && !ending.errors.contains("left"), "\(ending.errors)")
    }

    @Test(
        "A driver whose own functions are called connect and send gets those, with cancels, embedded IRPs and streams",
        arguments: ["LAMINA_WSK_FORCE=pend=0%", "LAMINA_WSK_FORCE=pend=50%,late=30%,seed=3"]
    )
    func names(force: String) throws {
        let ending = try compile("-shared -o berkeley.so \(DriverPrograms.fixtures)/berkeley.c")
        try #require(ending.code == 0 && ending.errors.isEmpty, "\(ending.errors)")
        let run = try interrupt("\(programs.tree.path)/berkeley.so", after: "berkeley: talked with 0 failures", force)
        #expect(run.code == 0 && run.errors.hasSuffix("berkeley: unloaded with 0 failures\n"), "\(run.errors)")
    }

    @Test("A driver in C++ uses Basic, structured exceptions and the C++ library")
    func cpp() throws {
        let ending = try compile("-shared -o basic.so \(DriverPrograms.fixtures)/basic.cpp")
        try #require(ending.code == 0 && ending.errors.isEmpty, "\(ending.errors)")
        let line = "basic: sent 8, got 8 right, buffer known, 9 calls"
        let run = try interrupt("\(programs.tree.path)/basic.so", after: line)
        #expect(run.code == 0 && run.errors == "\(line)\n", "\(run.errors)")
    }

    @Test("lamina wsk run reports what a driver leaves, with the place where it was made, by its exit status as well")
    func leaks() throws {
        try programs.tree.write(Self.leaking, to: "leak.c")
        #expect(try compile("-shared -o leak.so leak.c").code == 0)
        let ending = try interrupt("\(programs.tree.path)/leak.so", after: "leak: loaded 42")
        #expect(ending.code == 1)
        #expect(ending.errors.contains("left 2 things behind"), "\(ending.errors)")
        #expect(ending.errors.contains("pool block of 77 bytes, tag 'Leak', made at DriverEntry+"), "\(ending.errors)")
        #expect(ending.errors.contains("IRP, made at DriverEntry+"), "\(ending.errors)")
    }

    @Test("A driver that hangs in its DriverUnload is named with what it has, and a second interrupt ends the command")
    func hanging() throws {
        try programs.tree.write(
            """
            #include <ntddk.h>
            static KEVENT Never;
            static VOID Unload(PDRIVER_OBJECT Driver) {
                UNREFERENCED_PARAMETER(Driver);
                KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, NULL);
            }
            NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path) {
                UNREFERENCED_PARAMETER(Path);
                Driver->DriverUnload = Unload;
                KeInitializeEvent(&Never, NotificationEvent, FALSE);
                DbgPrint("hang: %p\\n", ExAllocatePool2(POOL_FLAG_NON_PAGED, 5, 'gnaH'));
                return STATUS_SUCCESS;
            }
            """,
            to: "hang.c"
        )
        try #require(try compile("-shared -o hang.so hang.c").code == 0)
        let child = try Child(["\(PackageTree.products)/lamina", "wsk", "run", "\(programs.tree.path)/hang.so"])
        try child.awaitError("hang: ")
        kill(child.process, SIGINT)
        try child.awaitError("DriverUnload has not returned for 10 seconds")
        try child.awaitError("pool block of 5 bytes")
        kill(child.process, SIGINT)
        let ending = child.end()
        #expect(ending.code == 1 && ending.errors.contains("still has 1 thing"), "\(ending.errors)")
        #expect(ending.errors.contains("interrupted again"), "\(ending.errors)")
    }

    @Test("lamina wsk run says that a DriverEntry failed, with its status and what it left")
    func failing() throws {
        try programs.tree.write(
            """
            #include <ntddk.h>
            NTSTATUS DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING Path) {
                UNREFERENCED_PARAMETER(Driver);
                UNREFERENCED_PARAMETER(Path);
                UNICODE_STRING name;
                return RtlCreateUnicodeString(&name, L"x") ? STATUS_DEVICE_NOT_READY : STATUS_SUCCESS;
            }
            """,
            to: "fail.c"
        )
        try #require(try compile("-shared -o fail.so fail.c").code == 0)
        let ending = try programs.run(["\(PackageTree.products)/lamina", "wsk", "run", "\(programs.tree.path)/fail.so"])
        #expect(ending.code == 2 && ending.errors.contains("DriverEntry failed with status 0xc00000a3"))
        #expect(ending.errors.contains("left 1 thing behind:"), "\(ending.errors)")
        #expect(ending.errors.contains("pool block of 4 bytes, tag 'Strn', made at DriverEntry+"), "\(ending.errors)")
    }

    @Test("lamina wsk run says why a driver can't be run")
    func unusable() throws {
        try programs.tree.write("int nothing;\n", to: "nothing.c")
        #expect(try programs.shell("cc -shared -fPIC -o nothing.so nothing.c").code == 0)
        let command = ["\(PackageTree.products)/lamina", "wsk", "run"]
        let none = try programs.run(command + ["\(programs.tree.path)/nothing.so"])
        #expect(none.code == 2 && none.errors.contains("has no DriverEntry"), "\(none.errors)")
        let missing = try programs.run(command + ["\(programs.tree.path)/missing.so"])
        #expect(missing.code == 2 && missing.errors.contains("missing.so"), "\(missing.errors)")
    }
}
