import CPCRE2
import Glibc

/// What one thread needs to match: PCRE2's match data, a JIT stack and the limits. Made at a thread's first match and
/// freed with the thread.
final class MatchWorkspace {
  let data: OpaquePointer
  let context: OpaquePointer
  private let stack: OpaquePointer?
  let vector: UnsafeMutablePointer<Int>

  /// Backtracking steps of one match. Enough for any sane pattern; `(a+)+$` is stopped within a millisecond.
  static let matchLimit: UInt32 = 100_000
  /// Heap of the interpreter, in KiB; JIT code has the stack below instead.
  static let heapLimit: UInt32 = 2_048
  static let depthLimit: UInt32 = 2_000

  private init() {
    guard let data = pcre2_match_data_create_8(UInt32(Pattern.maximumGroups) + 1, nil),
      let context = pcre2_match_context_create_8(nil)
    else { fatalError("out of memory") }
    self.data = data
    self.context = context
    vector = UnsafeMutableRawPointer(pcre2_get_ovector_pointer_8(data)!).assumingMemoryBound(to: Int.self)
    stack = pcre2_jit_stack_create_8(32 * 1024, 512 * 1024, nil)
    if let stack { pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack)) }
    pcre2_set_match_limit_8(context, MatchWorkspace.matchLimit)
    pcre2_set_heap_limit_8(context, MatchWorkspace.heapLimit)
    pcre2_set_depth_limit_8(context, MatchWorkspace.depthLimit)
  }

  deinit {
    pcre2_match_data_free_8(data)
    pcre2_match_context_free_8(context)
    if let stack { pcre2_jit_stack_free_8(stack) }
  }

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    let status = pthread_key_create(&key) { pointer in
      if let pointer { Unmanaged<MatchWorkspace>.fromOpaque(pointer).release() }
    }
    precondition(status == 0, "no thread-specific data left: \(status)")
    return key
  }()

  static var current: MatchWorkspace {
    if let pointer = pthread_getspecific(key) {
      return Unmanaged<MatchWorkspace>.fromOpaque(pointer).takeUnretainedValue()
    }
    let workspace = MatchWorkspace()
    pthread_setspecific(key, Unmanaged.passRetained(workspace).toOpaque())
    return workspace
  }
}

/// What came of matching one pattern against one alias.
enum PatternOutcome {
  case matched
  case unmatched
  /// The bounded work was exceeded.
  case failed
}

extension Pattern {
  /// Matches the whole of `subject`, which must be UTF-8. After ``PatternOutcome/matched`` the workspace holds the groups.
  func match(_ subject: UnsafeBufferPointer<UInt8>, _ workspace: MatchWorkspace) -> PatternOutcome {
    guard subject.count <= Pattern.maximumSubjectLength else { return .failed }
    if let form { return form.match(subject, workspace.vector) ? .matched : .unmatched }
    guard let code else { return .failed }
    // An empty buffer may have no address, and PCRE2 wants one.
    var empty: UInt8 = 0
    let status = withUnsafePointer(to: &empty) { fallback in
      let base = subject.baseAddress ?? fallback
      return isCompiledToMachineCode
        ? pcre2_jit_match_8(code, base, subject.count, 0, 0, workspace.data, workspace.context)
        : pcre2_match_8(code, base, subject.count, 0, Pattern.noUTFCheck, workspace.data, workspace.context)
    }
    if status >= 0 { return .matched }
    return status == PCRE2_ERROR_NOMATCH ? .unmatched : .failed
  }

  /// True when the pattern matches the whole of `text`; nil when the bounded work was exceeded.
  func matches(_ text: String) -> Bool? {
    var text = text
    switch text.withUTF8({ match($0, .current) }) {
    case .matched: return true
    case .unmatched: return false
    case .failed: return nil
    }
  }
}
