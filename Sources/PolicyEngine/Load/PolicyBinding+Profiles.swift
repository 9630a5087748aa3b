import CallModel
import PolicyScript

extension PolicyBinding {
  func policyProfile(_ o: CheckedObject) -> PolicyProfile {
    var profile = PolicyProfile(
      name: o.text("name") ?? "", description: o.text("description") ?? "",
      // One that is wrong is reported: what would follow from its absence is not.
      url: o.has("url") ? o.text("url").flatMap { try? PolicyServerURL($0) } ?? .placeholder : nil)
    if o.has("username") || o.has("password") {
      profile.credential = Credential(
        username: o.text("username") ?? "", password: o.secret("password") ?? Secret(""))
    }
    if let hooks = o.object("hooks") {
      for kind in PolicyRequestKind.allCases {
        profile.hooks[kind] = hooks.object(kind.rawValue).map(policyHook)
      }
    }
    if let scripts = o.object("scripts") {
      for kind in ScriptKind.allCases { profile.scripts[kind] = scripts.object(kind.word).flatMap(script) }
    }
    profile.maximumConcurrent = o.integer("max_concurrent") ?? profile.maximumConcurrent
    profile.maximumWaiting = o.integer("max_waiting") ?? profile.maximumWaiting
    profile.verifiesCertificate = o.boolean("verify_certificate") ?? profile.verifiesCertificate
    profile.certificateAuthorityFile = o.text("certificate_authority_file")
    if let proxy = o.object("proxy") {
      profile.proxy = PolicyProfile.Proxy(
        host: proxy.text("host") ?? "", port: UInt16(truncatingIfNeeded: proxy.integer("port") ?? 0))
    }
    profile.prefersLocalAvatars = o.boolean("prefer_local_avatars") ?? profile.prefersLocalAvatars
    return profile
  }

  /// Nil for what is wrong and reported.
  private func script(_ o: CheckedObject) -> LocalScript? {
    let file = o.file("file")
    if o.has("file"), file == nil { return nil }
    if o.has("text"), o.text("text") == nil { return nil }
    return LocalScript(
      text: file?.text ?? o.text("text") ?? "", file: file?.path, isEnabled: o.boolean("enabled") ?? true,
      fallback: o.text("fallback").flatMap(PolicyHook.Fallback.init(rawValue:)) ?? .continue)
  }

  private func policyHook(_ o: CheckedObject) -> PolicyHook {
    var hook = PolicyHook()
    hook.deadline = o.duration("deadline") ?? hook.deadline
    hook.fallback = o.text("fallback").flatMap(PolicyHook.Fallback.init(rawValue:)) ?? hook.fallback
    if let breaker = o.object("circuit_breaker") {
      var settings = PolicyHook.CircuitBreaker()
      settings.failures = breaker.integer("failures") ?? settings.failures
      settings.coolDown = breaker.duration("cool_down") ?? settings.coolDown
      hook.circuitBreaker = settings
    }
    return hook
  }
}
