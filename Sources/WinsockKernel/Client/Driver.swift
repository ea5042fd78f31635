// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLinux
public import CWinsockKernel
import Glibc

/// Drivers that are loaded into this process.
enum Drivers {
    /// Opens a driver's library; nil with a line that says why it can't be.
    static func open(_ path: UnsafePointer<CChar>) -> UnsafeMutableRawPointer? {
        if let library = dlopen(path, RTLD_NOW | RTLD_LOCAL) { return library }
        Report.line("driver \(String(cString: path)): \(dlerror().map { String(cString: $0) } ?? "can't be loaded")")
        return nil
    }

    static func release(_ driver: PWSK_DRIVER) {
        if let library = driver.pointee.library { dlclose(library) }
        free(driver.pointee.path)
        free(driver)
    }

    /// Writes a line for each thing that the driver's own code made since it was loaded and that is there, and answers
    /// how many there are.
    static func report(_ driver: PWSK_DRIVER, _ name: String, isGone: Bool = true) -> Int {
        let (baseline, image) = (driver.pointee.baseline, driver.pointee.image)
        func isOfDriver(_ serial: UInt64, _ maker: UnsafeRawPointer?) -> Bool {
            serial > baseline && (maker == nil || wsk_image_of(maker) == image)
        }
        let lines = Sockets.report { isOfDriver($0.pointee.serial, $0.pointee.maker) } + Ledger.report(isOfDriver)
        let things = lines.count == 1 ? "1 thing" : "\(lines.count) things"
        if !lines.isEmpty { Report.line("driver \(name) \(isGone ? "left \(things) behind" : "still has \(things)"):") }
        for line in lines { Report.line("  \(line)") }
        return lines.count
    }

    /// Calls DriverUnload; what takes longer than ten seconds is said, with what the driver still has.
    static func unload(_ driver: PWSK_DRIVER, _ name: String) {
        let watch = Watch(driver, name)
        let isWatched = wsk_start_helper(Watch.run, Unmanaged.passRetained(watch).toOpaque()) == 0
        wsk_call_unload(driver)
        if isWatched { watch.end() } else { Unmanaged.passUnretained(watch).release() }
    }

    /// Looks after a DriverUnload that is under way.
    private final class Watch: Sendable {
        private static let patience: Int64 = 10_000_000_000
        private static let mutex = SystemMutex(WSK_MUTEX_UNLOAD)
        private static let returned = SystemCondition(WSK_CONDITION_UNLOAD)
        // The pointer stays valid until the driver is released, which waits for the mutex.
        nonisolated(unsafe) private let driver: PWSK_DRIVER
        private let name: String
        // Guarded by the mutex.
        nonisolated(unsafe) private var hasReturned = false

        init(_ driver: PWSK_DRIVER, _ name: String) {
            self.driver = driver
            self.name = name
        }

        static let run: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
            guard let context else { return }
            Unmanaged<Watch>.fromOpaque(context).takeRetainedValue().watch()
        }

        private func watch() {
            let deadline = clinux_monotonic() + Self.patience
            Self.mutex.hold {
                while !hasReturned {
                    guard !Self.returned.wait(Self.mutex, until: deadline) else { continue }
                    Report.line("driver \(name): DriverUnload has not returned for 10 seconds")
                    _ = Drivers.report(driver, name, isGone: false)
                    return
                }
            }
        }

        func end() {
            Self.mutex.hold {
                hasReturned = true
                Self.returned.broadcast()
            }
        }
    }
}

/// Loads a driver and calls its DriverEntry.
@c @implementation
public func WskLoadDriver(_ path: UnsafePointer<CChar>?, _ loaded: UnsafeMutablePointer<PWSK_DRIVER?>?) -> NTSTATUS {
    guard let loaded else { return STATUS_INVALID_PARAMETER }
    loaded.pointee = nil
    wsk_require_irql("WskLoadDriver", UInt8(PASSIVE_LEVEL), nil)
    let baseline = Ledger.nextSerial()
    var library: UnsafeMutableRawPointer?
    if let path {
        library = Drivers.open(path)
        guard library != nil else { return STATUS_DRIVER_UNABLE_TO_LOAD }
    }
    let name = path.map { String(cString: $0) } ?? "of the program"
    guard let memory = calloc(1, MemoryLayout<_WSK_DRIVER>.size) else { return STATUS_INSUFFICIENT_RESOURCES }
    let driver = memory.bindMemory(to: _WSK_DRIVER.self, capacity: 1)
    driver.pointee.library = library
    driver.pointee.baseline = baseline
    driver.pointee.path = strdup(name)
    guard let entry = wsk_find_entry(library) else {
        Report.line("driver \(name): has no DriverEntry that others can see")
        Drivers.release(driver)
        return STATUS_ENTRYPOINT_NOT_FOUND
    }
    driver.pointee.image = wsk_image_of(unsafeBitCast(entry, to: UnsafeRawPointer.self))
    driver.pointee.object.DriverInit = entry
    driver.pointee.object.DriverExtension = driver.place(\.extension)
    driver.pointee.`extension`.DriverObject = driver.place(\.object)
    let status = wsk_call_entry(entry, driver)
    guard status >= 0 else {
        Report.line("driver \(name): DriverEntry failed with status 0x\(String(UInt32(bitPattern: status), radix: 16))")
        _ = Drivers.report(driver, name)
        Drivers.release(driver)
        return status
    }
    loaded.pointee = driver
    return status
}

/// Calls DriverUnload and reports what is left.
@c @implementation
public func WskUnloadDriver(_ driver: PWSK_DRIVER?) -> UInt32 {
    guard let driver else { return 0 }
    wsk_require_irql("WskUnloadDriver", UInt8(PASSIVE_LEVEL), nil)
    let name = String(cString: driver.pointee.path)
    if driver.pointee.object.DriverUnload == nil {
        Report.line("driver \(name): has no DriverUnload, and stays")
    } else {
        Drivers.unload(driver, name)
    }
    let left = Drivers.report(driver, name)
    // A driver that leaves something behind may still be called: its code stays where it is.
    if left == 0 { Drivers.release(driver) }
    return UInt32(left)
}

/// How many objects there are in the process.
@c @implementation
public func WskCountObjects() -> UInt32 {
    UInt32(Ledger.count + Sockets.count)
}

/// IoCreateDevice.
@c @implementation
public func wsk_create_device(
    _ driver: PDRIVER_OBJECT?,
    _ extensionSize: UInt32,
    _ type: UInt32,
    _ characteristics: UInt32,
    _ device: UnsafeMutablePointer<PDEVICE_OBJECT?>?,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let driver, let device else { return STATUS_INVALID_PARAMETER }
    let head = (MemoryLayout<DEVICE_OBJECT>.size + 15) / 16 * 16
    let size = head + Int(extensionSize)
    guard let memory = Ledger.allocate(size, kind: Int(WSK_OBJECT_DEVICE), isZeroed: true, maker: caller) else {
        return STATUS_INSUFFICIENT_RESOURCES
    }
    let made = memory.bindMemory(to: DEVICE_OBJECT.self, capacity: 1)
    made.pointee.Size = UInt16(truncatingIfNeeded: size)
    made.pointee.DriverObject = driver
    made.pointee.DeviceType = type
    made.pointee.Characteristics = characteristics
    made.pointee.Flags = UInt32(DO_DEVICE_INITIALIZING)
    made.pointee.StackSize = 1
    made.pointee.DeviceExtension = extensionSize > 0 ? memory + head : nil
    made.pointee.NextDevice = driver.pointee.DeviceObject
    driver.pointee.DeviceObject = made
    device.pointee = made
    return STATUS_SUCCESS
}

/// Deletes a device.
@c @implementation
public func IoDeleteDevice(_ device: PDEVICE_OBJECT?) {
    guard let device, let driver = device.pointee.DriverObject else { return }
    if driver.pointee.DeviceObject == device {
        driver.pointee.DeviceObject = device.pointee.NextDevice
    } else {
        var next = driver.pointee.DeviceObject
        while let other = next, other.pointee.NextDevice != device { next = other.pointee.NextDevice }
        next?.pointee.NextDevice = device.pointee.NextDevice
    }
    Ledger.free(UnsafeMutableRawPointer(device), kind: Int(WSK_OBJECT_DEVICE), "IoDeleteDevice", nil)
}
