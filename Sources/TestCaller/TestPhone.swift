import CallModel
import NIOCore
import NIOPosix
import SIP
import SIPTransport

/// A small SIP phone: registers, calls, answers, sends tones and digits, and reports what came back.
///
/// Real sockets, real time. It runs on one event loop of its own choice; the handle may be used from anywhere. It must be
/// closed.
public final class TestPhone: Sendable {
  private let core: NIOLoopBound<PhoneCore>
  /// The URI others can call it at without a server.
  public let contact: SIPURI
  private var eventLoop: any EventLoop { core.eventLoop }

  private init(_ core: PhoneCore) {
    self.core = NIOLoopBound(core, eventLoop: core.eventLoop)
    let listener = core.listeners.first
    let parameters: [SIPURI.Parameter] =
      switch listener?.transport {
      case .tcp: [.init("transport", "tcp")]
      case .tls: [.init("transport", "tls")]
      default: []
      }
    contact = SIPURI(
      user: core.configuration.identity.uri.user, host: .ip(core.localAddress), port: listener?.local.port,
      parameters: parameters)
  }

  /// Finds the server and opens the phone's sockets.
  /// - Throws: ``TestPhoneError``, or the error of the system for an address that cannot be used.
  public static func start(_ configuration: TestPhoneConfiguration) async throws -> TestPhone {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    return try await eventLoop.flatSubmit {
      let core = PhoneCore(configuration, eventLoop: eventLoop)
      return core.open().assumeIsolated().map { TestPhone(core) }.nonisolated()
    }.get()
  }

  /// Registers, and keeps the registration until ``unregister()`` or ``close()``.
  /// - Parameter expires: Seconds asked for.
  /// - Throws: ``TestPhoneError``.
  public func register(expires: Int = 300) async throws {
    try await eventLoop.flatSubmit { [core] in core.value.register(expires: expires) }.get()
  }

  public func unregister() async throws {
    try await eventLoop.flatSubmit { [core] in core.value.unregister() }.get()
  }

  /// Places a call; the handle is there at once, long before the answer.
  public func call(_ target: SIPURI, _ settings: TestCallSettings = TestCallSettings()) async throws
    -> TestCall
  {
    try await eventLoop.flatSubmit { [core] in
      core.value.place(target, settings).nonisolated()
    }.get()
  }

  /// The next call that comes in, in order; nil when none does in time.
  public func nextCall(within limit: TimeSpan) async throws -> TestCall? {
    try await eventLoop.flatSubmit { [core] in
      core.value.nextCall(within: limit)
    }.get()
  }

  /// Closes its sockets. Calls that are up are dropped without a BYE: hang up first.
  public func close() async {
    try? await eventLoop.flatSubmit { [core] in core.value.close() }.get()
  }
}

/// How a call is placed.
public struct TestCallSettings: Sendable {
  public var sound: TestSound
  /// Further header fields of the INVITE.
  public var headers: [SIPHeaders.Field]

  public init(sound: TestSound = .tone(440), headers: [SIPHeaders.Field] = []) {
    self.sound = sound
    self.headers = headers
  }
}
